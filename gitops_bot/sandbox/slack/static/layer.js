// What lies over the page: one of the app's dialogs, and above it the question before a dangerous button.

import { el } from "./dom.js";
import { textObject } from "./text.js";

const layer = () => document.querySelector(".layer");
let question = null;
let below = null;

function paint() {
  const top = question ?? below;
  layer().replaceChildren(...(top ? [top] : []));
  layer().hidden = !top;
  document.body.classList.toggle("covered", Boolean(top));
}

export function lay(node) {
  below = node;
  paint();
}

export function confirmed(ask) {
  return new Promise((resolve) => {
    const answer = (yes) => () => {
      question = null;
      paint();
      resolve(yes);
    };
    question = el("div", { class: "dialog small", role: "alertdialog", "aria-modal": "true" },
      el("header", {}, el("h2", {}, textObject(ask.title))),
      el("div", { class: "dialog-body text" }, textObject(ask.text)),
      el("footer", {},
        el("button", { type: "button", class: "button", onclick: answer(false) }, textObject(ask.deny)),
        el("button", { type: "button", class: `button ${ask.style ?? "primary"}`, onclick: answer(true) }, textObject(ask.confirm))));
    paint();
    question.querySelector("footer .button:last-child").focus();
  });
}
