// Looks every two seconds whether something happened, and shows it without moving the reader.
"use strict";

const INTERVAL = 2000;

function openDetails(main) {
  return [...main.querySelectorAll("details")].map((one) => one.open);
}

async function look() {
  const answer = await fetch(location.pathname, { cache: "no-store" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("main");
  const shown = document.querySelector("main");
  if (fresh.dataset.version === shown.dataset.version) return;
  const states = openDetails(shown);
  const next = [...fresh.querySelectorAll("details")];
  // Only when nothing came in between do the folds mean the same ones.
  if (next.length === states.length) next.forEach((one, at) => { one.open = states[at]; });
  shown.replaceWith(document.adoptNode(fresh));
}

setInterval(() => { if (!document.hidden) look().catch(() => {}); }, INTERVAL);
