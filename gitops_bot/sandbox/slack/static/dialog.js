// The app's dialogs.

import { renderBlock } from "./blocks.js";
import { el, post } from "./dom.js";
import { lay } from "./layer.js";
import { textObject } from "./text.js";

let dialog = null;

export function showDialog(view, scene) {
  if (!view) {
    dialog = null;
    lay(null);
    return;
  }
  const signature = JSON.stringify([view.id, view.hash, view.errors]);
  if (dialog?.signature === signature) return;
  const values = dialog?.id === view.id ? dialog.values : valuesOf(view.state.values);
  dialog = { id: view.id, signature, values, node: null };
  dialog.node = build(view, { ...scene, id: view.id, values, errors: view.errors });
  lay(dialog.node);
  dialog.node.querySelector(".dialog-body input, .dialog-body textarea, .dialog-body select")?.focus();
}

// Slack's state, as the page keeps it: what the control API takes back.
function valuesOf(state) {
  const plain = (value) => Object.entries(value).filter(([name]) => name !== "type").map(([, one]) => one)[0];
  const short = (one) => (Array.isArray(one) ? one.map(short) : one?.value ?? one);
  return Object.fromEntries(Object.entries(state ?? {}).map(([block, actions]) => [block,
    Object.fromEntries(Object.entries(actions).map(([action, value]) => [action, short(plain(value))]).filter(([, one]) => one !== null && one !== undefined))]));
}

function build(view, scene) {
  const trouble = el("div", { class: "error trouble", role: "alert", hidden: true });
  const act = async (block, item, fields) => {
    const answer = await post("view-click", { view_id: view.id, block_id: block.block_id, action_id: item.action_id, values: scene.values, ...fields });
    complain(trouble, answer);
  };
  const inner = { ...scene, act };
  const submit = async () => {
    node.classList.add("busy");
    const answer = await post("submit", { view_id: view.id, values: scene.values });
    node.classList.remove("busy");
    if (!Object.keys(answer.errors ?? {}).length) complain(trouble, answer);
  };
  const close = () => post("close", { view_id: view.id });
  if (view.errors?.[""]) complain(trouble, { error: view.errors[""] });
  const node = el("div", { class: "dialog", role: "dialog", "aria-modal": "true", "aria-label": view.title.text },
    el("header", {},
      view.depth > 1 ? el("button", { type: "button", class: "icon", "aria-label": "Back", onclick: close, text: "←" }) : null,
      el("h2", {}, textObject(view.title)),
      el("button", { type: "button", class: "icon", "aria-label": "Close", onclick: () => post("close", { view_id: view.id, clear: true }), text: "✕" })),
    el("div", { class: "dialog-body" }, trouble, view.blocks.map((block) => renderBlock(block, inner))),
    el("footer", {},
      el("button", { type: "button", class: "button", onclick: close }, view.close ? textObject(view.close) : view.depth > 1 ? "Back" : "Cancel"),
      view.submit ? el("button", { type: "button", class: "button primary submit", onclick: submit }, textObject(view.submit)) : null));
  return node;
}

function complain(trouble, answer) {
  trouble.hidden = answer.acknowledged === true;
  trouble.textContent = answer.error ?? "We had some trouble connecting. Try again?";
}
