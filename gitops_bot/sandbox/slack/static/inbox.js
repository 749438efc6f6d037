// The page: fetches what one person sees, draws it, and does so again whenever the server says that something is new.

import { showDialog } from "./dialog.js";
import { el, post } from "./dom.js";
import { avatar, renderList } from "./messages.js";
import { know } from "./text.js";

const $ = (selector) => document.querySelector(selector);

const app = {
  me: localStorage.getItem("slack-stand-in-user") ?? "",
  thread: "",
  unread: {},
  state: { channel: "", messages: [], people: [], channels: [] },
  peopleById: {},
  openThread(ts) {
    this.thread = ts;
    $(".app").dataset.pane = "thread";
    draw();
    $("aside.thread .messages").scrollTop = 1e9;
  },
  scene(message) {
    return {
      id: message.ts,
      warnings: message.warnings,
      people: () => this.state.people.filter((one) => !one.deleted),
      channels: () => this.state.channels,
      act: (block, item, fields) => press(message, block, item, fields),
    };
  },
};

async function press(message, block, item, fields) {
  const answer = await post("click", {
    user: app.me, channel: app.state.channel, ts: message.ts, block_id: block.block_id, action_id: item.action_id, ...fields,
  });
  if (!answer.ok) toast(answer.error);
}

function toast(text) {
  const node = el("div", { class: "toast", role: "status", text });
  document.body.append(node);
  setTimeout(() => node.remove(), 6000);
}

function place() {
  const [channel, ts] = location.hash.slice(1).split("/");
  return { channel: channel || app.state.channel, ts };
}

let loading = null;
let again = false;

// At most one request under way; what happens meanwhile leads to one more.
async function load() {
  if (loading) {
    again = true;
    return loading;
  }
  loading = (async () => {
    do {
      again = false;
      const query = new URLSearchParams({ user: app.me, channel: place().channel });
      const state = await (await fetch(`/inbox/state?${query}`)).json();
      if (!state.people.some((one) => one.id === app.me && canBe(one))) {
        app.me = state.people.find(canBe)?.id ?? "";
        if (app.me) again = true;
      }
      app.state = state;
    } while (again);
  })();
  try {
    await loading;
    draw();
  } catch {
    $(".live").classList.add("lost");
  } finally {
    loading = null;
  }
}

const canBe = (person) => person.kind !== "bot" && !person.deleted;

function draw() {
  const { state } = app;
  app.peopleById = Object.fromEntries(state.people.map((one) => [one.id, one]));
  know(state.people, state.channels);
  const here = state.channels.find((one) => one.id === state.channel);
  document.title = here ? `${here.direct ? "" : "#"}${here.name} · ${state.team}` : state.team;
  $(".team-name").textContent = state.team;
  drawChannels();
  drawSwitcher();
  $(".channel-name").textContent = here ? `${here.direct ? "" : "# "}${here.name}` : "No channel yet";
  $(".badges").replaceChildren(
    ...(here?.external ? [el("span", { class: "badge external", text: "SHARED" })] : []),
    ...(here?.private ? [el("span", { class: "badge", text: "PRIVATE" })] : []),
    ...(here?.archived ? [el("span", { class: "badge", text: "ARCHIVED" })] : []));
  $(".me").replaceChildren(...(app.me ? [avatar(app.me, app.peopleById)] : []));
  const top = state.messages.filter((one) => !one.thread_ts || one.thread_ts === one.ts);
  renderList($("main .messages"), top, app, false);
  drawThread();
  showDialog(state.dialog, { people: () => state.people.filter((one) => !one.deleted), channels: () => state.channels });
}

function drawChannels() {
  const { state } = app;
  app.unread[state.channel] = state.channels.find((one) => one.id === state.channel)?.latest;
  $(".channels").replaceChildren(...state.channels.map((one) => {
    app.unread[one.id] ??= one.latest;
    const classes = ["channel-link", one.id === state.channel ? "here" : "", app.unread[one.id] !== one.latest ? "unread" : ""];
    return el("a", { class: classes.join(" "), href: `#${one.id}`, onclick: () => ($(".app").dataset.pane = "channel") },
      el("span", { class: "hash", "aria-hidden": "true", text: one.direct ? "●" : one.private ? "🔒" : "#" }), one.name,
      one.external ? el("span", { class: "badge external", text: "SHARED" }) : null);
  }));
}

function drawSwitcher() {
  const select = $("select.user");
  const label = (one) => `${one.real_name}${one.kind === "member" ? "" : ` (${one.kind})`}`;
  const people = app.state.people.filter(canBe);
  const signature = JSON.stringify(people.map(label));
  if (select.dataset.signature !== signature) {
    select.replaceChildren(...people.map((one) => el("option", { value: one.id, text: label(one) })));
    select.dataset.signature = signature;
  }
  select.value = app.me;
}

function drawThread() {
  const pane = $("aside.thread");
  const messages = app.state.messages.filter((one) => one.ts === app.thread || one.thread_ts === app.thread);
  pane.hidden = !app.thread || !messages.length;
  $(".app").classList.toggle("with-thread", !pane.hidden);
  if (pane.hidden) {
    if ($(".app").dataset.pane === "thread") $(".app").dataset.pane = "channel";
    return;
  }
  $("aside.thread .composer").dataset.thread = app.thread;
  renderList($("aside.thread .messages"), messages, app, true);
}

function composer(form) {
  const area = el("textarea", { rows: 1, placeholder: form.closest("aside") ? "Reply…" : "Message, or /command", "aria-label": "Message" });
  form.append(area, el("button", { type: "submit", class: "button primary send", "aria-label": "Send", text: "➤" }));
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = area.value.trim();
    if (!text) return;
    const gesture = { user: app.me, channel: app.state.channel, text };
    const answer = text.startsWith("/") ? await post("command", gesture) : await post("say", { ...gesture, thread_ts: form.dataset.thread || "" });
    if (!answer.ok) return toast(answer.error);
    if (answer.acknowledged === false) toast(`${text.split(" ")[0]} failed: the app did not answer.`);
    area.value = "";
  });
}

function goToHash() {
  const { ts } = place();
  load().then(() => {
    const message = app.state.messages.find((one) => one.ts === ts);
    if (message?.thread_ts && message.thread_ts !== message.ts) app.openThread(message.thread_ts);
    const node = ts && document.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
    if (node) {
      node.scrollIntoView({ block: "center" });
      node.classList.add("pointed-at");
    } else {
      $("main .messages").scrollTop = 1e9;
    }
  });
}

function begin() {
  document.querySelectorAll(".composer").forEach(composer);
  $(".to-channels").addEventListener("click", () => ($(".app").dataset.pane = $(".app").dataset.pane === "channels" ? "channel" : "channels"));
  $(".close-thread").addEventListener("click", () => {
    app.thread = "";
    draw();
  });
  $("select.user").addEventListener("change", (event) => {
    app.me = event.target.value;
    localStorage.setItem("slack-stand-in-user", app.me);
    showDialog(null);
    load();
  });
  window.addEventListener("hashchange", () => {
    app.thread = "";
    goToHash();
  });
  goToHash();
  const events = new EventSource("/inbox/events");
  events.onmessage = () => {
    $(".live").classList.remove("lost");
    load();
  };
  events.onerror = () => $(".live").classList.add("lost");
}

begin();
