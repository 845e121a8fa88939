"use strict";
(() => {
  const study = JSON.parse(document.getElementById("study").textContent);
  const discrimination = study.kind === "discrimination";
  const COLUMNS = ["study", "schema_version", "participant", "list", "item", "order", "answer", "rt_ms", "page_hash",
    "window_width", "window_height", "pixel_ratio"];
  const SCALE = [[-2, "clearly less"], [-1, "slightly less"], [0, "equally"], [1, "slightly more"],
    [2, "clearly more"]];
  const element = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];

  let participant = 0, order = [], records = [];
  let shown = null;  // the question under way, once its pictures can be seen
  let views = 0;     // how often the page showed something else
  let go_on = null;  // what Enter, the space bar and the button do

  // Storage: not every browser lets a page that is a file keep anything.
  let stored = true;
  const place = (what) => `backlight.${study.study}.${what}`;
  function keep(what, value) {
    try {
      localStorage.setItem(place(what), JSON.stringify(value));
    } catch {
      stored = false;
    }
  }
  function kept(what) {
    try {
      return JSON.parse(localStorage.getItem(place(what)));
    } catch {
      stored = false;
      return null;
    }
  }

  function show(id, next) {
    for (const main of all("body > main")) main.hidden = main.id !== id;
    shown = null;
    ++views;
    go_on = next;
    scrollTo(0, 0);
    element(`#${id} .next:not([hidden])`)?.focus();
  }

  // A number of this page, else why not.
  function read_code(text) {
    const numbers = Object.keys(study.orders);
    if (/^[0-9]+$/.test(text) && numbers.includes(String(Number(text)))) return Number(text);
    const few = numbers.slice(0, 4).join(", ") + (numbers.length > 4 ? " and more" : "");
    throw Error(/^[0-9]+$/.test(text) ? `This page is for participants ${few}. Ask for the page of number ${text}.`
      : `A number is needed, one of ${few}, which you were given. Never a name.`);
  }

  function begin(number) {
    participant = number;
    order = study.orders[number];
    records = kept(`answers.${number}`) ?? [];
    keep("last", number);
    if (records.length === 0)
      show("instructions", () => practise(0));
    else if (records.length < order.length)
      pause("Welcome back", `Question ${records.length + 1} of ${order.length} comes next.`, ask);
    else
      finish();
  }

  function practise(index) {
    if (index < study.practice.length) return present(study.practice[index], `Practice ${index + 1}`, 0, (answer) => {
      const trial = study.practice[index], right = trial.accept.includes(answer);
      element("#feedback").textContent = (right ? "Right. " : "Not quite. ") + trial.why;
      element("#feedback").classList.toggle("wrong", !right);
      wait_for(() => practise(index + 1));
    });
    pause("Ready", `${order.length} questions come now, without feedback. Answer by your first impression.`, ask);
  }

  function wait_for(next) {
    const button = element("#question .next");
    button.hidden = false;
    button.focus();
    go_on = next;
  }

  function ask() {
    const index = records.length;
    if (index === order.length) return finish();
    present(study.trials[order[index]], `${index + 1} of ${order.length}`, index, (answer, ms) => {
      records.push({study: study.study, schema_version: study.schema_version, participant, list: study.list,
        item: study.trials[order[index]].code, order: index, answer, rt_ms: Math.round(ms), page_hash: study.page_hash,
        window_width: innerWidth, window_height: innerHeight, pixel_ratio: devicePixelRatio});
      keep(`answers.${participant}`, records);
      if (records.length === order.length) return finish();
      if (records.length % study.block === 0)
        return pause("Time for a break", `${records.length} of ${order.length} questions are done. Save your `
          + "answers, and rest as long as you like.", ask);
      ask();
    });
  }

  function finish() {
    pause("Thank you", `All ${order.length} questions are answered. Save the file, and hand it to whoever gave you `
      + "this page.", null);
  }

  function pause(title, text, next) {
    element("#pause-title").textContent = title;
    element("#pause-text").textContent = text;
    element("#pause .save").hidden = records.length === 0;
    element("#pause .next").hidden = next === null;
    element("textarea").value = as_json();
    element("#kept").classList.toggle("wrong", !stored);
    element("#kept").textContent = stored
      ? "This browser also keeps your answers until the file is handed over: opened again, the page goes on from here."
      : "This browser keeps nothing when the page is closed: save the answers now, and leave the page open.";
    show("pause", next);
  }

  async function present(trial, count, done, answered) {
    show("question", null);
    element("#question .next").hidden = true;
    element("#feedback").textContent = "";
    element("#count").textContent = count;
    element("#progress").max = order.length;
    element("#progress").value = done;
    element("#stop").hidden = trial.accept !== undefined;
    element("#said").textContent = trial.said === undefined ? "" : `Both programs said: ${trial.said}`;
    element("#ask").textContent = discrimination ? "Which of the two is depicted?"
      : "How reliable does the right program seem, compared with the left one?";
    const images = trial.images.map((url) => Object.assign(new Image(), {src: url, alt: "", draggable: false}));
    const choices = discrimination ? trial.labels.map((label, side) => [side + 1, label]) : SCALE;
    element("#answers").classList.toggle("scale", !discrimination);
    element("#images").replaceChildren();
    element("#answers").replaceChildren();
    const view = views;
    await Promise.all(images.map((image) => image.decode()));
    if (view !== views) return;
    element("#images").replaceChildren(...images.map((image, side) => {
      const figure = document.createElement("figure");
      figure.append(image);
      if (!discrimination) figure.append(Object.assign(document.createElement("figcaption"),
        {textContent: side === 0 ? "left program" : "right program"}));
      return figure;
    }));
    element("#answers").replaceChildren(...choices.map(([value, label]) => {
      const button = document.createElement("button"), name = document.createElement(discrimination ? "kbd" : "b");
      name.textContent = discrimination ? value : (value > 0 ? "+" : "") + String(value).replace("-", "−");
      button.append(name, label);
      button.dataset.value = value;
      button.onclick = () => answer(value);
      return button;
    }));
    requestAnimationFrame(() => { if (view === views) shown = {answered, since: performance.now(), negative: false}; });
  }

  function answer(value) {
    if (!shown) return;
    const {answered, since} = shown;
    shown = null;
    for (const button of all("#answers button"))
      button.classList.toggle("chosen", Number(button.dataset.value) === value);
    answered(value, performance.now() - since);
  }

  addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    if (shown && /^[-−]$/.test(event.key)) shown.negative = !shown.negative;
    else if (shown && /^[0-2]$/.test(event.key)) {
      const value = Number(event.key) * (shown.negative ? -1 : 1) || 0;
      if (all("#answers button").some((button) => Number(button.dataset.value) === value)) answer(value);
    } else if (go_on && (event.key === "Enter" || event.key === " ") && event.target === document.body) go_on();
  });
  for (const button of all(".next")) button.onclick = () => go_on?.();
  element("#stop").onclick = () => pause("Stopped", `${records.length} of ${order.length} questions are answered. You `
    + "may close the page, hand over what there is, or go on.", ask);

  const as_json = () => JSON.stringify({schema: "backlight.study_answers", records}, null, 1) + "\n";
  const as_csv = () => [COLUMNS, ...records.map((record) => COLUMNS.map((column) => record[column]))]
    .map((row) => row.join(",") + "\n").join("");
  function save(text, type, ending) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], {type}));
    link.download = `answers-${study.study}-participant-${participant}${ending}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  element(".save-json").onclick = () => save(as_json(), "application/json", ".json");
  element(".save-csv").onclick = () => save(as_csv(), "text/csv", ".csv");

  element("#code-form").onsubmit = (event) => {
    event.preventDefault();
    try {
      begin(read_code(element("#code").value.trim()));
    } catch (error) {
      element("#code-note").textContent = error.message;
      element("#code-note").classList.add("wrong");
    }
  };
  const last = kept("last");
  if (Object.hasOwn(study.orders, String(last))) {
    const count = kept(`answers.${last}`)?.length ?? 0;
    element("#code").value = last;
    element("#code-note").textContent = `Participant ${last} has answered ${count} of ${study.orders[last].length} `
      + "questions here. Begin goes on from there; another number begins anew.";
  }
  show("start", null);
  element("#code").select();
})();
