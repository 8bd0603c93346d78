// The page: pick films, ask the API, show what it says. No build step, no dependencies; each module does one thing.
import "/ui/results.js"; // first, so that the request is under way before the rest redraws
import "/ui/search.js";
import "/ui/sentence.js";
import "/ui/people.js";
import "/ui/chips.js";
import "/ui/tastes.js";
import "/ui/dials.js";
import "/ui/about.js";
import "/ui/tabs.js";
import { catalog } from "/ui/films.js";
import { toast } from "/ui/toast.js";

document.getElementById("copy-link").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    toast("Link copied: whoever opens it sees what you see.");
  } catch { // not on this kind of connection, or refused by the person
    toast("The address above is the link: copy it from there.");
  }
});

if (catalog.posters) {
  document.getElementById("tmdb").textContent =
    "this product uses the TMDB API but is not endorsed or certified by TMDB. Posters are TMDB's, or drawn by this page where it has none.";
}

// What depends on the catalogue was invisible until here, so that nothing jumps.
document.body.classList.remove("loading");
