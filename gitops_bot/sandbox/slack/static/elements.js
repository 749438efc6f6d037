// Buttons, menus, pickers and inputs. A scene says what they belong to:
//   {id, act(block, element, fields), values?: Map for dialogs, warnings: [[block_id, action_id]], busy: Set}

import { el, safeUrl } from "./dom.js";
import { confirmed } from "./layer.js";
import { textObject, withEmoji } from "./text.js";

const CHOICE = {
  static_select: "selected_option", external_select: "selected_option", overflow: "selected_option", radio_buttons: "selected_option",
  multi_static_select: "selected_options", checkboxes: "selected_options", users_select: "selected_user",
  channels_select: "selected_channel", conversations_select: "selected_conversation", datepicker: "selected_date",
  timepicker: "selected_time", datetimepicker: "selected_date_time", button: "value",
};

const plain = (object) => (object ? (object.emoji === false ? object.text : withEmoji(object.text)) : "");

export function element(block, item, scene) {
  const maker = {
    button, overflow, static_select: menu, users_select: menu, channels_select: menu, conversations_select: menu, external_select: menu,
    multi_static_select: manyOf, checkboxes: boxes, radio_buttons: boxes, datepicker: picker, timepicker: picker, datetimepicker: picker,
    plain_text_input: field, number_input: field, email_text_input: field, url_text_input: field,
  }[item.type];
  if (!maker) return el("span", { class: "alt", text: item.alt_text ?? item.type });
  const warned = scene.warnings?.some(([blockId, actionId]) => blockId === block.block_id && actionId === item.action_id);
  return el("span", { class: `element element-${item.type}`, "data-action": item.action_id },
    maker(block, item, scene),
    warned ? el("span", { class: "warn-sign", title: "The app did not answer within three seconds", role: "img", "aria-label": "The app did not answer", text: "⚠️" }) : null);
}

async function choose(block, item, scene, value, node, undo = () => {}) {
  if (scene.values) keep(block, item, scene, value);
  // In a dialog, only buttons and inputs that dispatch tell the app at once.
  if (scene.values && block.type === "input" && !block.dispatch_action) return;
  if (item.confirm && !(await confirmed(item.confirm))) {
    undo();
    return;
  }
  node.classList.add("busy");
  const fields = value === undefined ? {} : { [CHOICE[item.type] ?? "value"]: value };
  await scene.act(block, item, fields);
  node.classList.remove("busy");
}

function keep(block, item, scene, value) {
  if (["button", "overflow"].includes(item.type)) return;
  scene.values[block.block_id] ??= {};
  scene.values[block.block_id][item.action_id] = value;
}

const kept = (block, item, scene) => scene.values?.[block.block_id]?.[item.action_id];

function button(block, item, scene) {
  const node = el("button", { type: "button", class: `button ${item.style ?? ""}`, "aria-label": item.accessibility_label ?? null }, plain(item.text));
  node.addEventListener("click", () => {
    const url = item.url && safeUrl(item.url);
    if (url) window.open(url, "_blank", "noopener");
    choose(block, item, scene, undefined, node);
  });
  return node;
}

function overflow(block, item, scene) {
  const list = el("div", { class: "popover", role: "menu", hidden: true });
  const node = el("button", { type: "button", class: "button dots", "aria-label": "More actions", "aria-haspopup": "menu", text: "⋯" });
  for (const option of item.options) {
    list.append(el("button", { type: "button", role: "menuitem", onclick: () => {
      list.hidden = true;
      const url = option.url && safeUrl(option.url);
      if (url) window.open(url, "_blank", "noopener");
      choose(block, item, scene, option.value, node);
    } }, plain(option.text), option.description ? el("small", { text: plain(option.description) }) : null));
  }
  node.addEventListener("click", (event) => {
    event.stopPropagation();
    list.hidden = !list.hidden;
  });
  document.addEventListener("click", () => (list.hidden = true));
  return el("span", { class: "anchor" }, node, list);
}

function optionsOf(item, scene) {
  if (item.type === "users_select") return scene.people().map((one) => ({ value: one.id, text: { text: one.real_name } }));
  if (item.type === "channels_select" || item.type === "conversations_select")
    return scene.channels().map((one) => ({ value: one.id, text: { text: `#${one.name}` } }));
  return item.options ?? [];
}

function menu(block, item, scene) {
  const initial = kept(block, item, scene) ?? item.initial_option?.value ?? item.initial_user ?? item.initial_channel ?? item.initial_conversation ?? "";
  const option = (one) => el("option", { value: one.value, selected: one.value === initial }, plain(one.text));
  const node = el("select", { class: "menu", id: `${scene.id}-${block.block_id}`, "aria-label": plain(item.placeholder) || "Choose" },
    el("option", { value: "", disabled: true, selected: initial === "", hidden: true }, plain(item.placeholder) || "Select an item"),
    item.option_groups ? item.option_groups.map((group) => el("optgroup", { label: plain(group.label) }, group.options.map(option))) : optionsOf(item, scene).map(option));
  node.addEventListener("change", () => choose(block, item, scene, node.value, node, () => (node.value = initial)));
  return node;
}

function manyOf(block, item, scene) {
  const groups = item.option_groups?.flatMap((group) => group.options) ?? item.options;
  const list = boxes(block, { ...item, type: "checkboxes", options: groups }, { ...scene, act: undefined, values: undefined }, () => {});
  const label = () => {
    const count = list.querySelectorAll("input:checked").length;
    return count ? `${count} selected` : plain(item.placeholder) || "Select items";
  };
  const summary = el("summary", { class: "menu", text: label() });
  const node = el("details", { class: "many" }, summary, list);
  const values = () => [...list.querySelectorAll("input:checked")].map((one) => one.value);
  list.addEventListener("change", () => {
    summary.textContent = label();
    if (scene.values) keep(block, item, scene, values());
  });
  // Slack tells the app when the menu is closed.
  node.addEventListener("toggle", () => node.open || choose(block, item, scene, values(), node));
  return node;
}

function boxes(block, item, scene, changed) {
  const single = item.type === "radio_buttons";
  const before = kept(block, item, scene) ?? (single ? item.initial_option?.value : item.initial_options?.map((one) => one.value)) ?? [];
  const list = el("div", { class: "boxes", role: single ? "radiogroup" : "group" });
  for (const option of item.options) {
    const box = el("input", { type: single ? "radio" : "checkbox", name: `${scene.id}-${block.block_id}-${item.action_id}`, value: option.value, checked: [].concat(before).includes(option.value) });
    list.append(el("label", {}, box, el("span", {}, textObject(option.text), option.description ? el("small", {}, textObject(option.description)) : null)));
  }
  list.addEventListener("change", changed ?? (() => {
    const values = [...list.querySelectorAll("input:checked")].map((one) => one.value);
    choose(block, item, scene, single ? values[0] : values, list);
  }));
  return list;
}

function picker(block, item, scene) {
  const type = { datepicker: "date", timepicker: "time", datetimepicker: "datetime-local" }[item.type];
  const initial = kept(block, item, scene) ?? item.initial_date ?? item.initial_time ?? "";
  const node = el("input", { class: "menu", type, id: `${scene.id}-${block.block_id}`, value: type === "datetime-local" ? null : initial, "aria-label": plain(item.placeholder) || type });
  node.addEventListener("change", () => {
    const value = type === "datetime-local" ? Math.floor(new Date(node.value).getTime() / 1000) : node.value;
    choose(block, item, scene, value, node);
  });
  return node;
}

function field(block, item, scene) {
  const type = { number_input: "number", email_text_input: "email", url_text_input: "url" }[item.type] ?? "text";
  const attributes = { class: "field", id: `${scene.id}-${block.block_id}`, placeholder: plain(item.placeholder) || null, maxlength: item.max_length ?? null };
  const node = item.multiline ? el("textarea", { ...attributes, rows: 4 }) : el("input", { ...attributes, type });
  node.value = kept(block, item, scene) ?? item.initial_value ?? "";
  const store = () => {
    scene.values[block.block_id] ??= {};
    scene.values[block.block_id][item.action_id] = node.value || null;
  };
  if (scene.values) node.addEventListener("input", store);
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !item.multiline && block.dispatch_action) choose(block, item, scene, node.value, node);
  });
  return node;
}
