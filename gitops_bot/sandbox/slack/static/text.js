// Slack's text: mrkdwn, emoji names, mentions, and the Markdown of markdown blocks.

import { el, link } from "./dom.js";

const EMOJI = {
  alarm_clock: "⏰", arrow_down: "⬇️", arrow_forward: "▶️", arrow_right: "➡️", arrow_up: "⬆️", arrows_counterclockwise: "🔄",
  art: "🎨", bangbang: "‼️", bar_chart: "📊", beetle: "🐞", bell: "🔔", black_circle: "⚫", black_small_square: "▪️",
  blue_circle: "🔵", book: "📖", boom: "💥", broom: "🧹", bug: "🐛", bulb: "💡", calendar: "📅", chart_with_upwards_trend: "📈",
  clipboard: "📋", clock1: "🕐", construction: "🚧", computer: "💻", cross_mark: "❌", cyclone: "🌀", eyes: "👀",
  exclamation: "❗", file_folder: "📁", fire: "🔥", gear: "⚙️", ghost: "👻", green_circle: "🟢", grey_question: "❔", hammer: "🔨",
  hammer_and_wrench: "🛠️", heart: "❤️", heavy_check_mark: "✔️", heavy_minus_sign: "➖", heavy_plus_sign: "➕",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", information_source: "ℹ️", key: "🔑", label: "🏷️", large_blue_circle: "🔵",
  large_green_circle: "🟢", large_orange_circle: "🟠", large_purple_circle: "🟣", large_red_square: "🟥",
  large_yellow_circle: "🟡", link: "🔗", lock: "🔒", loudspeaker: "📢", mag: "🔍", memo: "📝", mute: "🔇", new: "🆕",
  no_entry: "⛔", no_entry_sign: "🚫", ok_hand: "👌", orange_circle: "🟠", package: "📦", page_facing_up: "📄",
  pause_button: "⏸️", double_vertical_bar: "⏸️", pencil: "📝", pencil2: "✏️", pushpin: "📌", question: "❓",
  raised_hands: "🙌", recycle: "♻️", red_circle: "🔴", repeat: "🔁", robot_face: "🤖", rocket: "🚀", rotating_light: "🚨",
  see_no_evil: "🙈", shield: "🛡️", skull: "💀", snail: "🐌", sparkles: "✨", speech_balloon: "💬", star: "⭐",
  stethoscope: "🩺", stop_button: "⏹️", stopwatch: "⏱️", tada: "🎉", test_tube: "🧪", thinking_face: "🤔",
  thumbsdown: "👎", thumbsup: "👍", "+1": "👍", "-1": "👎", traffic_light: "🚦", triangular_flag_on_post: "🚩",
  twisted_rightwards_arrows: "🔀", wastebasket: "🗑️", warning: "⚠️", wave: "👋", wheel: "🛞", whale: "🐳",
  white_check_mark: "✅", white_circle: "⚪", wrench: "🔧", x: "❌", yellow_circle: "🟡", zap: "⚡", zzz: "💤",
  heavy_multiplication_x: "✖️", large_blue_square: "🟦", large_green_square: "🟩", large_yellow_square: "🟨",
  ballot_box_with_check: "☑️", arrow_right_hook: "↪️", leftwards_arrow_with_hook: "↩️", octagonal_sign: "🛑", sos: "🆘",
};

const context = { people: {}, channels: {} };

export function know(people, channels) {
  context.people = Object.fromEntries(people.map((one) => [one.id, one]));
  context.channels = Object.fromEntries(channels.map((one) => [one.id, one]));
}

export const nameOf = (user) => context.people[user]?.real_name ?? user;

export function emoji(name) {
  return EMOJI[name] ?? `:${name}:`;
}

export function withEmoji(text) {
  return text.replace(/:([a-z0-9_+'-]+)(?:::skin-tone-\d)?:/g, (whole, name) => EMOJI[name] ?? whole);
}

function unescape(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

export function mention(kind, id, label) {
  if (kind === "@") return el("span", { class: "mention", text: `@${label || nameOf(id)}` });
  if (kind === "#") return el("a", { class: "mention", href: `#${id}`, text: `#${label || context.channels[id]?.name || id}` });
  return el("span", { class: "mention loud", text: `@${label || id.split("^")[0]}` });
}

function angle(inside) {
  const [target, label] = inside.split("|");
  if ("@#!".includes(target[0])) return mention(target[0], target.slice(1), label && unescape(label));
  return link(unescape(target), unescape(label ?? target));
}

const INLINE = /<([^<>\n]+)>|`([^`\n]+)`|(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])|(?<!\w)_(\S(?:[^_\n]*\S)?)_(?!\w)|(?<![\w~])~(\S(?:[^~\n]*\S)?)~(?![\w~])/;

function inline(text) {
  const nodes = [];
  let rest = text;
  for (let found = INLINE.exec(rest); found; found = INLINE.exec(rest)) {
    if (found.index) nodes.push(withEmoji(unescape(rest.slice(0, found.index))));
    const [whole, target, code, bold, italic, strike] = found;
    if (target !== undefined) nodes.push(angle(target));
    else if (code !== undefined) nodes.push(el("code", { text: unescape(code) }));
    else if (bold !== undefined) nodes.push(el("strong", {}, inline(bold)));
    else if (italic !== undefined) nodes.push(el("em", {}, inline(italic)));
    else nodes.push(el("s", {}, inline(strike)));
    rest = rest.slice(found.index + whole.length);
  }
  if (rest) nodes.push(withEmoji(unescape(rest)));
  return nodes;
}

export function mrkdwn(text) {
  const nodes = [];
  text.split("```").forEach((part, index, parts) => {
    if (index % 2 && index < parts.length - 1) {
      nodes.push(el("pre", { text: unescape(part.replace(/^\n|\n$/g, "")) }));
      return;
    }
    let quote = null;
    const lines = (index % 2 ? "```" + part : part).split("\n");
    lines.forEach((line, number) => {
      if (line.startsWith("&gt;") || /^>/.test(line)) {
        if (!quote) nodes.push((quote = el("blockquote")));
        else quote.append(el("br"));
        quote.append(...inline(line.replace(/^(&gt;|>)\s?/, "")));
        return;
      }
      if (number && !quote) nodes.push(el("br"));
      quote = null;
      nodes.push(...inline(line));
    });
  });
  return nodes;
}

export function textObject(object) {
  if (!object) return [];
  if (object.type === "mrkdwn") return mrkdwn(object.text);
  const text = object.emoji === false ? object.text : withEmoji(object.text);
  return text.split("\n").flatMap((line, index) => (index ? [el("br"), line] : [line]));
}

// A markdown block: standard Markdown, as far as chat needs it.
const MARK = /!?\[([^\]]*)\]\(([^)\s]+)\)|(`+)(.+?)\3|\*\*(.+?)\*\*|__(.+?)__|\*(\S[^*]*)\*|~~(.+?)~~/;

function marks(text) {
  const nodes = [];
  let rest = text;
  for (let found = MARK.exec(rest); found; found = MARK.exec(rest)) {
    if (found.index) nodes.push(withEmoji(rest.slice(0, found.index)));
    const [whole, label, url, , code, bold, bold2, italic, strike] = found;
    if (url !== undefined) nodes.push(link(url, label || url));
    else if (code !== undefined) nodes.push(el("code", { text: code.trim() }));
    else if ((bold ?? bold2) !== undefined) nodes.push(el("strong", {}, marks(bold ?? bold2)));
    else if (italic !== undefined) nodes.push(el("em", {}, marks(italic)));
    else nodes.push(el("s", {}, marks(strike)));
    rest = rest.slice(found.index + whole.length);
  }
  if (rest) nodes.push(withEmoji(rest));
  return nodes;
}

const cells = (row) => row.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());

export function markdown(source) {
  const nodes = [];
  const lines = source.split("\n");
  let at = 0;
  const take = (test) => {
    const taken = [];
    while (at < lines.length && test(lines[at])) taken.push(lines[at++]);
    return taken;
  };
  while (at < lines.length) {
    const line = lines[at];
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    const fence = /^(`{3,}|~{3,})/.exec(line);
    if (fence) {
      at += 1;
      nodes.push(el("pre", { text: take((one) => !one.startsWith(fence[1])).join("\n") }));
      at += 1;
    } else if (heading) {
      nodes.push(el(`h${Math.min(6, heading[1].length + 1)}`, {}, marks(heading[2])));
      at += 1;
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      nodes.push(el("hr"));
      at += 1;
    } else if (/^\s*([-*+]|\d+[.)])\s/.test(line)) {
      const items = take((one) => /^\s*([-*+]|\d+[.)])\s/.test(one));
      const tag = /^\s*\d/.test(items[0]) ? "ol" : "ul";
      nodes.push(el(tag, {}, items.map((one) => el("li", {}, marks(one.replace(/^\s*([-*+]|\d+[.)])\s+/, ""))))));
    } else if (/^>/.test(line)) {
      nodes.push(el("blockquote", {}, marks(take((one) => /^>/.test(one)).map((one) => one.replace(/^>\s?/, "")).join("\n"))));
    } else if (line.includes("|") && /^[\s|:-]+$/.test(lines[at + 1] ?? "") && lines[at + 1].includes("-")) {
      const [head, , ...body] = take((one) => one.includes("|"));
      nodes.push(el("div", { class: "table-wrap" }, el("table", {},
        el("thead", {}, el("tr", {}, cells(head).map((cell) => el("th", {}, marks(cell))))),
        el("tbody", {}, body.map((row) => el("tr", {}, cells(row).map((cell) => el("td", {}, marks(cell)))))))));
    } else if (!line.trim()) {
      at += 1;
    } else {
      const paragraph = take((one) => one.trim() && !/^(#{1,6}\s|`{3,}|>|\s*([-*+]|\d+[.)])\s)/.test(one));
      nodes.push(el("p", {}, paragraph.flatMap((one, index) => (index ? [el("br"), ...marks(one)] : marks(one)))));
      if (!paragraph.length) at += 1;
    }
  }
  return nodes;
}
