// One message: who, when, what, files, reactions, and the way into its thread.

import { renderBlock } from "./blocks.js";
import { clock, day, el, size } from "./dom.js";
import { emoji, mrkdwn, nameOf } from "./text.js";

const COLOURS = ["#c2410c", "#0f766e", "#6d28d9", "#be185d", "#1d4ed8", "#4d7c0f", "#a16207"];
const PREVIEW_LINES = 14;
const PREVIEW_BYTES = 400000;

export function avatar(user, people) {
  const person = people[user];
  if (person?.kind === "bot") return el("img", { class: "avatar", src: "/inbox/static/bot.svg", alt: "" });
  const name = person?.real_name ?? "?";
  const initials = name.split(/\s+/).map((word) => word[0]).slice(0, 2).join("").toUpperCase();
  const node = el("span", { class: "avatar", "aria-hidden": "true", text: initials });
  node.style.background = COLOURS[[...user].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % COLOURS.length];
  return node;
}

function fileCard(file) {
  const path = `/inbox/files/${file.id}/${encodeURIComponent(file.name)}`;
  const opens = /^(text|image)\//.test(file.mimetype);
  const card = el("div", { class: "file" },
    el("div", { class: "file-head" },
      el("span", { class: "file-icon", "aria-hidden": "true", text: file.filetype.slice(0, 4).toUpperCase() }),
      el("span", { class: "file-name" }, el("strong", { text: file.title }), el("small", { text: `${file.name} · ${size(file.size)}` })),
      opens ? el("a", { class: "button", href: path, target: "_blank", rel: "noopener" }, "Open") : null,
      el("a", { class: "button", href: `${path}?download=1`, download: file.name, "aria-label": `Download ${file.name}` }, "⬇")));
  if (file.mimetype === "text/plain" && file.size < PREVIEW_BYTES) preview(card, path, file);
  return card;
}

async function preview(card, path, file) {
  const response = await fetch(path);
  if (!response.ok) return;
  const lines = (await response.text()).replace(/\n$/, "").split("\n");
  const isDiff = /\.(diff|patch)$/.test(file.name);
  const body = el("pre", { class: "preview", tabindex: "0" });
  const kind = (line) => (!isDiff ? "" : line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : line.startsWith("@@") ? "hunk" : "");
  const fill = (count) => body.replaceChildren(...lines.slice(0, count).map((line) => el("span", { class: `line ${kind(line.trimStart())}`, text: `${line}\n` })));
  fill(PREVIEW_LINES);
  card.append(body);
  if (lines.length <= PREVIEW_LINES) return;
  const more = el("button", { type: "button", class: "link more", text: `Show all ${lines.length} lines` });
  more.addEventListener("click", () => {
    fill(lines.length);
    more.remove();
  });
  card.append(more);
}

function body(message, scene) {
  if (message.blocks?.length) return el("div", { class: "blocks" }, message.blocks.map((block) => renderBlock(block, scene)));
  return el("div", { class: "text" }, mrkdwn(message.text));
}

function threadLink(message, app) {
  if (!message.reply_count) return null;
  const people = message.reply_users.slice(0, 3).map((user) => avatar(user, app.peopleById));
  const count = `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`;
  return el("button", { type: "button", class: "thread-link", onclick: () => app.openThread(message.ts) },
    people, el("strong", { text: count }), el("small", { text: `Last reply ${clock(message.latest_reply)}` }));
}

export function renderMessage(message, app, inThread) {
  const person = app.peopleById[message.user];
  const scene = app.scene(message);
  const badge = message.bot_id ? "APP" : { guest: "GUEST", stranger: "EXTERNAL" }[person?.kind];
  const main = el("div", { class: "message-main" },
    message.ephemeral ? el("div", { class: "only-you", text: "👁 Only visible to you" }) : null,
    el("div", { class: "byline" },
      el("strong", { text: nameOf(message.user) }),
      badge ? el("span", { class: "badge", text: badge }) : null,
      el("a", { class: "time", href: `#${app.state.channel}/${message.ts}`, text: clock(message.ts), title: new Date(parseFloat(message.ts) * 1000).toLocaleString() })),
    message.text || message.blocks?.length ? body(message, scene) : null,
    message.edited ? el("span", { class: "edited", text: "(edited)" }) : null,
    message.files?.map(fileCard) ?? [],
    message.reactions ? el("div", { class: "reactions" }, message.reactions.map((one) => el("span", { class: "reaction", title: one.users.map(nameOf).join(", "), text: `${emoji(one.name)} ${one.count}` }))) : null,
    inThread ? null : threadLink(message, app));
  const reply = inThread || message.ephemeral ? null
    : el("button", { type: "button", class: "icon reply", "aria-label": "Reply in thread", title: "Reply in thread", onclick: () => app.openThread(message.thread_ts || message.ts), text: "💬" });
  return el("article", { class: `message${message.ephemeral ? " ephemeral" : ""}`, "data-ts": message.ts }, avatar(message.user, app.peopleById), main, reply);
}

// Replace only what changed: an open menu or a half-typed text elsewhere stays as it is.
export function renderList(container, messages, app, inThread) {
  const nearEnd = container.scrollHeight - container.scrollTop - container.clientHeight < 80;
  const old = new Map([...container.children].map((node) => [node.dataset.key, node]));
  const wanted = [];
  let lastDay = "";
  for (const message of messages) {
    const today = day(message.ts);
    if (today !== lastDay) wanted.push([`day ${today}`, today, () => el("div", { class: "day" }, el("span", { text: today }))]);
    lastDay = today;
    wanted.push([message.ts, JSON.stringify([message, app.me]), () => renderMessage(message, app, inThread)]);
  }
  if (!wanted.length) wanted.push(["empty", "", () => el("p", { class: "empty", text: "Nothing here yet. Messages of the bot appear as they are posted." })]);
  const nodes = wanted.map(([key, signature, make]) => {
    const node = old.get(key);
    if (node?.dataset.signature === signature) return node;
    const fresh = make();
    fresh.dataset.key = key;
    fresh.dataset.signature = signature;
    return fresh;
  });
  const same = nodes.length === container.children.length && nodes.every((node, index) => node === container.children[index]);
  if (!same) container.replaceChildren(...nodes);
  if (nearEnd) container.scrollTop = container.scrollHeight;
}
