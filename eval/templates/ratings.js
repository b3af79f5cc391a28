"use strict";
const sheet = JSON.parse(document.getElementById("sheet").textContent);
const words = sheet.wording, items = sheet.items, element = id => document.getElementById(id);
const choices = sheet.kind === "pairs"
  ? ["left", "tie", "right"].map(choice => ({choice}))
  : Array.from({length: sheet.scale}, (_, n) => ({score: n + 1}));
const memory = "lm-ratings-" + sheet.sheet;
let answers = {}, place = 0;
try { answers = JSON.parse(localStorage.getItem(memory)) || {}; } catch { /* a browser that keeps nothing */ }

function show() {
  const item = items[place], given = answers[place];
  element("number").textContent = `${place + 1} / ${items.length}`;
  element("prompt").textContent = item.prompt;
  const texts = item.texts.map((text, n) => {
    const card = document.createElement("div"), head = document.createElement("h4"), body = document.createElement("p");
    card.className = "card";
    head.textContent = item.texts.length > 1 ? "AB"[n] : words.text;
    body.className = "text";
    body.textContent = text.text || "–";
    card.append(head, body);
    return card;
  });
  element("texts").replaceChildren(...texts);
  const buttons = choices.map((choice, n) => {
    const button = document.createElement("button");
    const label = {0: words.worst, [sheet.scale - 1]: words.best}[n];
    button.textContent = choice.choice ? words[choice.choice] : label ? `${n + 1} ${label}` : n + 1;
    button.setAttribute("aria-pressed", given === n);
    button.onclick = () => answer(n);
    return button;
  });
  element("choices").replaceChildren(...buttons);
  const done = Object.keys(answers).length;
  element("progress").textContent = words.progress.replace("{done}", done).replace("{all}", items.length);
  element("bar").value = done;
  element("bar").max = items.length;
  element("message").textContent = done === items.length ? words.finished : "";
  element("back").disabled = place === 0;
  element("next").disabled = place === items.length - 1;
}

function go(step) {
  place = Math.min(Math.max(place + step, 0), items.length - 1);
  show();
}

function answer(n) {
  answers[place] = n;
  try { localStorage.setItem(memory, JSON.stringify(answers)); } catch { /* as above */ }
  go(1);
}

function save() {
  const rater = element("rater").value.trim();
  if (!rater || !Object.keys(answers).length) {
    element("message").textContent = rater ? words.nothing : words.nameless;
    return;
  }
  const given = Object.entries(answers).map(
    ([number, n]) => ({texts: items[number].texts.map(text => text.digest), ...choices[n]}));
  const {format, kind, scale} = sheet;
  const file = JSON.stringify({format, sheet: sheet.sheet, kind, scale, rater, answers: given}, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([file], {type: "application/json"}));
  link.download = `ratings-${sheet.sheet}-${rater.replace(/[^\p{L}\p{N}]+/gu, "_")}.json`;
  link.click();
}

element("back").onclick = () => go(-1);
element("next").onclick = () => go(1);
element("save").onclick = save;
document.addEventListener("keydown", event => {
  if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowLeft") go(-1);
  else if (event.key === "ArrowRight") go(1);
  else if (event.key >= "1" && event.key <= String(choices.length)) answer(Number(event.key) - 1);
});
show();
