// Asks the operator every two seconds what is on the board, and draws it anew where it has changed.
"use strict";

const EVERY_MS = 2000;
const GOOD = ["Active"], WAITS = ["WaitForUser", "Paused", "Released"], BAD = ["SplitBrain", "Lost"];
const FENCE = {true: "can be fenced", false: "cannot be fenced", null: "fencing unknown"};
let mark = "", states = new Map(), heard = null;

// An element with a class and its content; text is always text, never markup.
function make(tag, name, ...content) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...content.filter((part) => part !== null && part !== undefined));
  return made;
}

const seconds = (value) => (value === null || value === undefined ? "" : `${value.toFixed(value < 10 ? 2 : 1)} s`);
const tone = (pair) => {
  if (BAD.includes(pair.state) || pair.wrong.some((item) => item.type === "Available" || item.type === "SplitBrainDetected")) return "bad";
  if (WAITS.includes(pair.state) || pair.wrong.length) return "wait";
  return GOOD.includes(pair.state) ? "good" : "calm";
};

function arrow(across, down, text) {
  const sign = (name, mark) => { const made = make("span", `arrow ${name}`, mark); made.setAttribute("aria-hidden", "true"); return made; };
  return [sign("across", across), sign("down", down), text];
}

function node(found, place) {
  const verdict = found.verdict === "Healthy" ? "good" : found.verdict === "Uncertain" ? "calm" : "bad";
  const lines = found.reachable
    ? found.services.map((item) => `${item.name}: ${item.state}`)
    : [`cannot be read: ${found.reason}`];
  const list = make("ul", "", ...[...lines, FENCE[found.fencingReady], ...found.votes.map((vote) => `${vote.from} says ${vote.vote}`)].map((line) => make("li", "", line)));
  const title = make("h3", "", found.name, make("span", `badge ${found.role === "active" ? "good" : "calm"}`, found.role === "none" ? "no role" : found.role),
    make("span", `badge ${verdict}`, found.verdict));
  return make("div", `node ${place} ${found.role}`, title, list);
}

function world(pair) {
  const [first, second] = pair.nodes;
  if (!second) return make("p", "quiet", "The nodes were not looked at yet.");
  const at = pair.active === first.name ? "first" : pair.active === second.name ? "second" : null;
  const sync = pair.data.inSync ? "data in sync" : `data not in sync: ${pair.data.reason ?? "nothing known"}`;
  // Where it is no span of time it is the reason, which is said already.
  const lag = /\d/.test(pair.data.lag ?? "") ? `, ${pair.data.lag} behind` : "";
  const told = make("span", "", sync + lag, pair.data.generation ? make("span", "quiet", ` (copy ${pair.data.generation})`) : null);
  const data = make("div", "data", ...(at === "second" ? arrow("←", "↑", told) : at === "first" ? arrow("→", "↓", told) : [told]));
  const clients = at
    ? make("div", `clients ${at}`, make("span", "", pair.traffic.status === "True" ? `clients are sent to ${pair.active}` : `traffic: ${pair.traffic.message}`), ...arrow("↓", "↓"))
    : make("p", "alone quiet", "No node is active.");
  const parts = [node(first, "first"), data, node(second, "second")];
  return make("div", "world", ...(at === "second" ? [parts[0], data, clients, parts[2]] : [clients, ...parts]));
}

function steps(items) {
  const total = items.reduce((sum, item) => sum + (item.seconds ?? 0), 0);
  const bar = make("div", "bar");
  bar.setAttribute("aria-hidden", "true");
  for (const item of items) {
    const part = make("span", item.state === "Failed" ? "failed" : "");
    part.style.flexGrow = String(total ? (item.seconds ?? 0) / total : 1);
    part.title = `${item.name} ${seconds(item.seconds)}`;
    bar.append(part);
  }
  const rows = items.map((item) => make("tr", "", make("td", "", item.name), make("td", "", item.state), make("td", "number", seconds(item.seconds)), make("td", "", item.message ?? "")));
  const names = ["Step", "State", "Time", "Said"].map((name) => { const made = make("th", name === "Time" ? "number" : "", name); made.scope = "col"; return made; });
  return [bar, make("table", "", make("thead", "", make("tr", "", ...names)), make("tbody", "", ...rows))];
}

function episode(pair, item, open) {
  const cost = [item.downtimeSeconds !== null && item.downtimeSeconds !== undefined ? `down ${seconds(item.downtimeSeconds)}` : null,
    item.declaredLossSeconds ? `lost at most ${seconds(item.declaredLossSeconds)}` : null, item.proof ? `proof ${item.proof}` : null].filter(Boolean).join(", ");
  const result = item.result ?? "under way";
  const shade = item.result === "Done" ? "good" : item.result ? "wait" : "calm moving";
  const summary = make("summary", "", `${item.kind} ${item.source} → ${item.target} `, make("span", `badge ${shade}`, result),
    make("span", "quiet", ` ${when(item.startedAt)}${cost ? `, ${cost}` : ""}`));
  const made = make("details", "", summary, make("p", "quiet", `${item.trigger}: `, make("code", "", item.id)), ...steps(item.steps));
  made.dataset.key = `${pair.namespace}/${pair.name}/${item.id}`;
  made.open = open.has(made.dataset.key) || !item.result;
  return made;
}

const when = (text) => { const at = new Date(text); return Number.isNaN(at.valueOf()) ? text : at.toLocaleString(); };

function card(pair, open, number) {
  const shade = tone(pair), title = make("h2", "", `${pair.namespace}/${pair.name}`);
  title.id = `pair-${number}`;
  const facts = [`active ${pair.active ?? "none"}`, `declared ${pair.declared}`, pair.epoch === null ? null : `epoch ${pair.epoch}`,
    pair.management === "Enforce" ? null : pair.management].filter(Boolean).join(", ");
  const past = [...(pair.episode ? [pair.episode] : []), ...pair.history];
  const made = make("section", "pair",
    make("div", "head", title, make("span", `badge ${shade}${pair.episode ? " moving" : ""}`, pair.state), make("span", "quiet", facts)),
    pair.plan ? make("p", "", pair.plan) : null,
    world(pair),
    pair.wrong.length ? make("ul", "wrong", ...pair.wrong.map((item) => make("li", item.type === "Available" || item.type === "SplitBrainDetected" ? "bad" : "wait",
      make("strong", "", `${item.type} ${item.status}, ${item.reason}: `), item.message))) : null,
    make("h3", "", "Episodes"),
    ...(past.length ? past.map((item) => episode(pair, item, open)) : [make("p", "quiet", "None yet.")]));
  made.setAttribute("aria-labelledby", title.id);
  return made;
}

function draw(board) {
  const main = document.getElementById("pairs");
  const open = new Set([...main.querySelectorAll("details[open]")].map((item) => item.dataset.key));
  const focused = document.activeElement?.closest?.("details")?.dataset.key;
  main.replaceChildren(...(board.pairs.length ? board.pairs.map((pair, number) => card(pair, open, number)) : [make("p", "quiet", "This operator watches no pair.")]));
  if (focused) [...main.querySelectorAll("details")].find((item) => item.dataset.key === focused)?.querySelector("summary").focus();
  document.getElementById("operator").textContent = board.leads ? "This operator leads." : "This operator is a spare: it looks and does not act.";
  const news = board.pairs.filter((pair) => states.has(pair.name) && states.get(pair.name) !== pair.state);
  if (news.length) document.getElementById("news").textContent = news.map((pair) => `${pair.name} is now ${pair.state}`).join("; ");
  states = new Map(board.pairs.map((pair) => [pair.name, pair.state]));
}

async function ask() {
  const trouble = document.getElementById("trouble");
  try {
    const answer = await fetch("pairs.json", {headers: mark ? {"If-None-Match": mark} : {}, cache: "no-store"});
    if (answer.status === 200) {
      mark = answer.headers.get("ETag") ?? "";
      draw(await answer.json());
    } else if (answer.status !== 304) throw new Error(String(answer.status));
    heard = new Date();
    trouble.hidden = true;
  } catch {
    trouble.textContent = heard ? `No word from the operator since ${heard.toLocaleTimeString()}. What is shown is from then; the pairs run on.` : "The operator does not answer.";
    trouble.hidden = false;
  }
  setTimeout(ask, EVERY_MS);
}

ask();
