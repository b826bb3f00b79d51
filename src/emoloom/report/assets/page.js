"use strict";
// What the whole page needs: everything open on paper, the section in view marked in the index.
(() => {
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      details.dataset.closed = "";
    }
  });
  window.addEventListener("afterprint", () => {
    for (const details of document.querySelectorAll("details[data-closed]")) {
      details.open = false;
      delete details.dataset.closed;
    }
  });

  const links = new Map([...document.querySelectorAll(".index a")].map((link) => [link.hash.slice(1), link]));
  const seen = new Set();
  const watch = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) seen[isIntersecting ? "add" : "delete"](target.id);
    const first = [...links.keys()].find((id) => seen.has(id));
    for (const [id, link] of links) {
      if (id === first) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const list = document.querySelector(".index ul");
    if (first) list.scrollTo({ left: links.get(first).offsetLeft - list.clientWidth / 2 });
  }, { rootMargin: "-15% 0px -60% 0px" });
  for (const section of document.querySelectorAll("main section[id]")) watch.observe(section);
})();
