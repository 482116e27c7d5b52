"use strict";

// How often the page asks, and how many answers the little chart shows.
const EVERY_MS = 500;
const SAMPLES = 60;
// Over how many answers a rate is taken.
const RATE_OVER = 2;
// How many requests a rush has on their way at once.
const HANDS = 6;

const at = (id) => document.getElementById(id);
const element = (name, text, className) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
};
const price = (cents) => `€ ${(cents / 100).toFixed(2)}`;
const ms = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

// --- placing orders ---

async function place(item, quantity) {
  const answer = await fetch("/orders", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ item, quantity }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body;
}

function notify(text, bad = false) {
  at("notice").textContent = text;
  at("notice").classList.toggle("bad", bad);
}

async function order(item) {
  try {
    const placed = await place(item, 1);
    notify(`Kafka has it: ${placed.id.slice(0, 8)}`);
  } catch (error) {
    notify(error.message, true);
  }
}

async function rush(items, total) {
  at("rush").disabled = true;
  let left = total;
  const hand = async () => {
    while (left > 0) {
      left -= 1;
      await place(items[left % items.length], 1 + (left % 3));
    }
  };
  const began = performance.now();
  try {
    await Promise.all(Array.from({ length: HANDS }, hand));
    notify(`${total} orders in ${ms(performance.now() - began)}`);
  } catch (error) {
    notify(error.message, true);
  }
  at("rush").disabled = false;
}

async function openMenu() {
  const menu = await (await fetch("/menu")).json();
  for (const [item, cents] of Object.entries(menu)) {
    const button = element("button", item);
    button.append(element("span", price(cents)));
    button.addEventListener("click", () => order(item));
    at("menu").append(button);
  }
  at("rush").addEventListener("click", () => rush(Object.keys(menu), 200));
}

// --- showing what happens ---

const samples = [];
const seen = new Set();

// Orders in the second before each sample, by the server's clock: the page's own is late when the page is busy.
function showRate(now, count) {
  samples.push({ at: now, count });
  if (samples.length > SAMPLES + RATE_OVER) samples.shift();
  const rates = samples.slice(RATE_OVER).map((one, index) => {
    const before = samples[index];
    return (Math.max(0, one.count - before.count) * 1000) / Math.max(1, one.at - before.at);
  });
  at("rate").textContent = rates.length ? Math.round(rates[rates.length - 1]) : "–";
  const highest = Math.max(10, ...rates);
  const points = rates.map((rate, index) =>
    `${(240 - (rates.length - 1 - index) * (240 / (SAMPLES - 1))).toFixed(1)},${(54 - (rate / highest) * 50).toFixed(1)}`);
  if (points.length < 2) return;
  const [line, area] = [at("spark").querySelector(".line"), at("spark").querySelector(".area")];
  line.setAttribute("d", `M${points.join("L")}`);
  area.setAttribute("d", `M${points[0].split(",")[0]},56L${points.join("L")}L240,56Z`);
}

function showOrders(now, orders) {
  at("count").textContent = orders.count.toLocaleString("en");
  at("p50").textContent = orders.latency_ms ? ms(orders.latency_ms.p50) : "–";
  at("p99").textContent = orders.latency_ms ? `median; 99 % within ${ms(orders.latency_ms.p99)}` : "";
  showRate(now, orders.count);
  if (!orders.latest.length) return;
  at("orders").replaceChildren(...orders.latest.map(orderRow));
  seen.clear();
  orders.latest.forEach((one) => seen.add(one.id));
}

function orderRow(one) {
  const row = element("tr", undefined, seen.has(one.id) ? "" : "fresh");
  const id = element("td");
  id.append(element("code", one.id.slice(0, 8)));
  row.append(
    id,
    element("td", one.quantity > 1 ? `${one.quantity} × ${one.item}` : one.item),
    element("td", price(one.cents), "number"),
    element("td", one.partition),
    element("td", one.offset, "number"),
    element("td", one.process_id),
    element("td", ms(one.filled_at - one.placed_at), "number"),
  );
  return row;
}

function showProcesses(processes) {
  const groups = processes.flatMap((one) => one.groups || []);
  const partitions = groups.flatMap((group) => group.assigned);
  const states = new Set(processes.map((one) => one.state));
  const state = states.size === 1 ? [...states][0] : processes.map((one) => one.state).join(", ");
  at("state").dataset.state = state;
  at("state").textContent = state;
  at("lag").textContent = groups.length ? groups.reduce((sum, group) => sum + group.lag, 0).toLocaleString("en") : "–";
  at("assigned").textContent = `over ${partitions.length} partition${partitions.length === 1 ? "" : "s"}`;
  at("processes").replaceChildren(...processes.map(processCard));
}

function processCard(one) {
  const groups = one.groups || [];
  const card = element("div", undefined, `process ${one.healthy ? "" : "unwell"}`);
  const title = element("h3", `Process ${one.process_id}`);
  title.append(element("span", one.healthy ? "healthy" : "not healthy"));
  card.append(title);

  const facts = element("dl");
  const fact = (name, value) => facts.append(element("dt", name), element("dd", value));
  fact("Engine", one.state);
  if (one.workers) fact("Workers", `${one.workers.size}, ${one.workers.size - one.workers.idle} busy`);
  groups.forEach((group) => fact("Last message", group.last_message_ms_ago === null ? "none yet" : ago(group.last_message_ms_ago)));
  groups.forEach((group) => fact("Lag", group.lag));
  card.append(facts);

  const partitions = element("div", undefined, "partitions");
  groups.flatMap((group) => group.assigned).forEach((partition) => {
    const box = element("div", `part. ${partition.partition}`);
    box.append(element("b", partition.next_offset ?? "–"));
    box.title = `${partition.topic}/${partition.partition}: next offset ${partition.next_offset ?? "unknown"}, lag ${partition.lag ?? "unknown"}`;
    partitions.append(box);
  });
  card.append(partitions);
  if (!one.healthy) card.append(element("p", one.reasons.join("; "), "reasons"));
  return card;
}

function ago(milliseconds) {
  if (milliseconds < 1000) return "just now";
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 120 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
}

async function look() {
  try {
    const status = await (await fetch("/status")).json();
    at("kafka").textContent = `${status.kafka.kind} · ${status.kafka.servers}`;
    at("kafka").title = `topic ${status.kafka.topic}, group ${status.kafka.group}`;
    showOrders(status.at, status.orders);
    showProcesses(status.processes);
  } catch {
    at("state").dataset.state = "gone";
    at("state").textContent = "the server is gone";
  }
  setTimeout(look, EVERY_MS);
}

openMenu().catch((error) => notify(error.message, true));
look();
