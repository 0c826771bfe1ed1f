// The web console of openfire-s2s: parts of a page with data-live="SECONDS" are fetched anew, by the address of the page, and put in the
// place of the old ones. What somebody is about to use stays: a part in which something has the focus or is marked, and open details.
"use strict";

(function () {
  const parts = [...document.querySelectorAll("[data-live][id]")];
  let timer = null;

  function isInUse(part) {
    const selection = document.getSelection();
    return part.contains(document.activeElement) ||
      (selection !== null && !selection.isCollapsed && part.contains(selection.anchorNode));
  }

  // keepOpen - details that somebody has opened stay so, by their order
  function keepOpen(old, fresh) {
    const was = old.querySelectorAll("details");
    const is = fresh.querySelectorAll("details");
    for (let i = 0; i < was.length && i < is.length; i++)
      is[i].open = was[i].open;
  }

  function put(page) {
    let again = Infinity;
    for (const part of document.querySelectorAll("[data-live][id]")) {
      const fresh = page.getElementById(part.id);
      if (fresh === null)
        continue;
      if (fresh.dataset.live === undefined || !isInUse(part)) {
        keepOpen(part, fresh);
        part.replaceWith(document.adoptNode(fresh));
      }
      if (fresh.dataset.live !== undefined)
        again = Math.min(again, Number(fresh.dataset.live));
    }
    return again;
  }

  // tell - words at the top as long as what is shown is old; null takes them away
  function tell(words) {
    let line = document.getElementById("away");
    if (words === null) {
      line?.remove();
    } else if (line === null) {
      line = document.createElement("p");
      line.id = "away";
      line.className = "said warn";
      line.setAttribute("role", "status");
      line.textContent = words;
      document.querySelector("main h1").after(line);
    }
  }

  async function refresh() {
    timer = null;
    let again = 10;
    try {
      const answer = await fetch(location.pathname + location.search,
        { headers: { "X-Live": "1" }, cache: "no-store", credentials: "same-origin", redirect: "manual" });
      if (answer.ok) {
        again = put(new DOMParser().parseFromString(await answer.text(), "text/html"));
        tell(null);
      } else if (answer.type === "opaqueredirect") {
        location.reload(); // nobody is logged in any more: to the log-in
        again = Infinity;
      }
    } catch (error) {
      tell("The server does not answer. What is shown here is old.");
      again = 3;
    }
    plan(again);
  }

  function plan(seconds) {
    if (timer === null && seconds < Infinity && !document.hidden)
      timer = setTimeout(refresh, seconds * 1000);
  }

  document.addEventListener("visibilitychange", function () {
    if (!document.hidden && parts.length > 0)
      plan(0.1);
  });
  if (parts.length > 0)
    plan(Math.min(...parts.map(part => Number(part.dataset.live))));
})();
