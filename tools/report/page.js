"use strict";
// What is shown is a function of the address: #show=wrong&sort=margin&true=281. So links, the back button and a copied
// address all do what they say.
{
  const facts = JSON.parse(document.getElementById("facts").textContent);
  const list = document.querySelector(".cards"), form = document.querySelector(".tools");
  const count = form.querySelector("output"), none = document.querySelector(".none");
  const cards = [...list.children];  // by number; the others are made when they are needed
  const NAMES = ["show", "sort", "reverse", "true", "predicted", "flag", "text", "guided"];
  const STEP = 24;

  // Ascending; where there is no value a card comes last, reversed or not.
  const KEYS = {"": c => -c.loss, margin: c => c.margin, probability: c => -c.probability,
                agreement: c => c.agreement == null ? null : -c.agreement, name: c => c.name};

  const read = (hash = location.hash) => {
    const given = new URLSearchParams(hash.slice(1));
    return Object.fromEntries(NAMES.map(name => [name, given.get(name) ?? ""]));
  };
  const address = state => {
    const set = NAMES.filter(name => state[name]).map(name => [name, state[name]]);
    return "#" + (set.length ? new URLSearchParams(set) : "all");  // an empty one would go to the top
  };
  const go = (state, replace = false) => {
    if (replace) location.replace(address(state));
    else location.hash = address(state);
  };

  const card = number => {
    if (!cards[number]) {
      const holder = document.createElement("template");
      holder.innerHTML = document.getElementById("text-" + number).textContent;
      cards[number] = holder.content.firstElementChild;
    }
    return cards[number];
  };

  const end = document.createElement("div");
  list.after(end);
  const watch = new IntersectionObserver(entries => {
    if (entries.some(entry => entry.isIntersecting)) more();
  }, {rootMargin: "1500px"});

  let chosen = [], shown = 0;
  const more = () => {
    const guided = read().guided == "1";
    const next = chosen.slice(shown, shown + STEP).map(c => card(c.number));
    for (const element of next) element.querySelector(".guided")?.toggleAttribute("open", guided);
    list.append(...next);
    shown += next.length;
    // Asks again whether the end is near.
    watch.unobserve(end);
    if (shown < chosen.length) watch.observe(end);
  };

  const show = () => {
    const state = read(), words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = c => (state.show != "wrong" || !c.right) && (state.show != "right" || c.right) &&
        (!state.true || c.true == state.true) && (!state.predicted || c.predicted == state.predicted) &&
        (!state.flag || c.flags.includes(state.flag)) && words.every(word => c.words.includes(word));
    const key = KEYS[state.sort] ?? KEYS[""], sign = state.reverse ? -1 : 1;
    const compare = (a, b) => a == null || b == null ? (a == null) - (b == null) : sign * ((a > b) - (a < b));
    chosen = facts.filter(fits).sort((a, b) => compare(key(a), key(b)) || a.number - b.number);
    list.replaceChildren();
    shown = 0;
    more();
    count.textContent = `${chosen.length} of ${facts.length}`;
    none.hidden = chosen.length > 0 || facts.length == 0;
    for (const control of form.querySelectorAll("[name]"))
      if (control.type == "radio" || control.type == "checkbox") control.checked = control.value == state[control.name];
      else control.value = state[control.name];
  };

  facts.forEach((c, number) => {
    c.number = number;
    c.words = c.name.toLowerCase() + " " + c.classes.toLowerCase();
  });
  form.hidden = false;
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("reset", event => { event.preventDefault(); go({}); });
  form.addEventListener("input", event => {
    const before = read(), {name, value, type, checked} = event.target;
    const typing = name == "text" && before.text && value;
    go({...before, [name]: type == "checkbox" && !checked ? "" : value}, typing);
  });
  document.addEventListener("click", event => {
    const link = event.target.closest("a[data-go]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const {sort, reverse, guided} = read();
    go({...read(link.hash), sort, reverse, guided});
    document.getElementById("pictures").scrollIntoView();
  });
  addEventListener("hashchange", () => {
    show();
    if (list.getBoundingClientRect().top < 0) document.getElementById("pictures").scrollIntoView();
  });
  show();
}
