"""The public API and the web page: HTTP around `marquee.pipeline`."""
