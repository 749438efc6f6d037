// Block Kit blocks as they look in Slack. What can be pressed is made by elements.js.

import { el, link, safeUrl } from "./dom.js";
import { element } from "./elements.js";
import { emoji, markdown, mention, textObject } from "./text.js";

function image(source, alt, extra = {}) {
  const url = safeUrl(source.image_url ?? source.slack_file?.url ?? "");
  if (!url) return el("span", { class: "alt", text: alt });
  const node = el("img", { src: url, alt, loading: "lazy", ...extra });
  node.addEventListener("error", () => node.replaceWith(el("span", { class: "alt", text: `🖼 ${alt}` })));
  return node;
}

function styled(node, style = {}) {
  const tags = { bold: "strong", italic: "em", strike: "s", underline: "u", code: "code" };
  return Object.entries(tags).reduce((inner, [name, tag]) => (style[name] ? el(tag, {}, inner) : inner), node);
}

function richInline(part) {
  switch (part.type) {
    case "text": return styled(document.createTextNode(part.text), part.style);
    case "link": return styled(link(part.url, part.text || part.url), part.style);
    case "emoji": return document.createTextNode(emoji(part.name));
    case "user": return mention("@", part.user_id);
    case "channel": return mention("#", part.channel_id);
    case "usergroup": return mention("@", part.usergroup_id);
    case "broadcast": return mention("!", part.range);
    case "color": return el("code", { text: part.value });
    case "date": return document.createTextNode(part.fallback || new Date(part.timestamp * 1000).toLocaleString());
    default: return document.createTextNode("");
  }
}

function rich(part) {
  switch (part.type) {
    case "rich_text_preformatted": return el("pre", {}, part.elements.map(richInline));
    case "rich_text_quote": return el("blockquote", {}, part.elements.map(richInline));
    case "rich_text_list":
      return el(part.style === "ordered" ? "ol" : "ul", { class: `indent-${Math.min(part.indent ?? 0, 6)}`, start: part.offset ? part.offset + 1 : null },
        part.elements.map((item) => el("li", {}, item.elements.map(richInline))));
    default: return el("div", { class: "rich-section" }, part.elements.map(richInline));
  }
}

function table(block) {
  const align = (column) => `align-${block.column_settings?.[column]?.align ?? "left"}`;
  const cell = (tag) => (content, column) =>
    el(tag, { class: align(column) }, content.type === "rich_text" ? content.elements.map(rich) : content.text);
  const [head, ...rows] = block.rows;
  return el("div", { class: "table-wrap", tabindex: "0" }, el("table", {},
    el("thead", {}, el("tr", {}, head.map(cell("th")))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map(cell("td")))))));
}

function section(block, scene) {
  const body = el("div", { class: "section-body" });
  if (block.text) body.append(el("div", { class: "text" }, textObject(block.text)));
  if (block.fields) body.append(el("div", { class: "fields" }, block.fields.map((field) => el("div", { class: "text" }, textObject(field)))));
  if (!block.accessory) return body;
  const accessory = block.accessory.type === "image"
    ? image(block.accessory, block.accessory.alt_text, { class: "thumb" })
    : element(block, block.accessory, scene);
  return el("div", { class: "with-accessory" }, body, el("div", { class: "accessory" }, accessory));
}

function context(block) {
  return block.elements.map((part) =>
    part.type === "image" ? image(part, part.alt_text, { class: "context-image" }) : el("span", { class: "text" }, textObject(part)));
}

function input(block, scene) {
  const error = scene.errors?.[block.block_id];
  return [
    el("label", { class: "label", for: `${scene.id}-${block.block_id}` }, textObject(block.label), block.optional ? el("span", { class: "optional", text: " (optional)" }) : null),
    element(block, block.element, scene),
    error ? el("div", { class: "error", role: "alert", text: error }) : null,
    block.hint ? el("div", { class: "hint" }, textObject(block.hint)) : null,
  ];
}

// scene: who looks, where, and what happens when something is pressed (see elements.js).
export function renderBlock(block, scene) {
  const make = {
    section: () => section(block, scene),
    header: () => el("h2", {}, textObject(block.text)),
    divider: () => el("hr"),
    context: () => context(block),
    actions: () => block.elements.map((one) => element(block, one, scene)),
    image: () => el("figure", {}, block.title ? el("figcaption", {}, textObject(block.title)) : null, image(block, block.alt_text)),
    rich_text: () => block.elements.map(rich),
    markdown: () => markdown(block.text),
    table: () => table(block),
    input: () => input(block, scene),
  }[block.type];
  return el("div", { class: `block block-${block.type}`, "data-block": block.block_id }, make ? make() : el("em", { text: `(${block.type})` }));
}
