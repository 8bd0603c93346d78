"""The models as arrays: films, two towers, item-item views, and the weights that join them."""
