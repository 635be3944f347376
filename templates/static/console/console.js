"use strict";
// Conveniences only: every page works without this file.
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  const DOUBLE_CLICK_MS = 1500;
  const lately = new WeakMap(); // when each button last sent its form

  const say = (text) => {
    const spoken = document.getElementById("spoken");
    if (spoken && text && spoken.textContent !== text) spoken.textContent = text;
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[data-theme-form]") && event.submitter) {
      event.preventDefault();
      root.dataset.theme = event.submitter.value;
      fetch(form.action, { method: "POST", body: new FormData(form, event.submitter), redirect: "manual" });
    } else if (form.matches("[data-once]") && event.submitter && event.submitter.name !== "rows") {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    } else if (form.method === "post" && event.submitter) {
      // The second press of a double click would ask for a second secret, or be told that the thing is there already.
      const now = Date.now(), before = lately.get(event.submitter) || 0;
      if (now - before < DOUBLE_CLICK_MS) event.preventDefault();
      else lately.set(event.submitter, now);
    }
  });

  // A page that comes back from the browser's cache may be sent again; its token still makes it act once.
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("[data-once]").forEach((form) => delete form.dataset.sent);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) {
      const text = document.getElementById(button.dataset.copy).textContent;
      navigator.clipboard.writeText(text).then(
        () => { button.classList.add("copied"); say("Copied."); setTimeout(() => button.classList.remove("copied"), 1500); },
        () => say("Copying is not allowed here; select the text instead."),
      );
    }
    document.querySelectorAll("[data-menu][open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    document.querySelectorAll("[data-menu][open]").forEach((menu) => {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  // Rows are added and removed in place; without this file the same buttons send the form and draw it again.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-rows]");
    if (!button || !window.htmx) return;
    event.preventDefault();
    const form = button.form;
    const before = new Set([...form.elements].map((element) => element.name));
    const values = {};
    new FormData(form).forEach((value, name) => { (values[name] ||= []).push(value); });
    values.rows = button.value;
    const list = button.value.slice(button.value.indexOf(":") + 1).replace(/\.\d+$/, "");
    htmx.ajax("POST", form.getAttribute("action") || location.href, {
      values, source: form, target: "#fields", select: "#fields", swap: "outerHTML",
    }).then(() => {
      const fresh = [...form.elements].find((element) => !before.has(element.name) && element.type !== "hidden");
      const home = document.getElementById("f-" + list.replaceAll(".", "-"));
      const next = fresh || home;
      if (next) next.focus({ preventScroll: false });
      form.dispatchEvent(new Event("change", { bubbles: true }));
    });
  });

  // One tick for all of a page.
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-ticks]")) return;
    for (const box of event.target.closest("table").querySelectorAll("tbody [type=checkbox]")) box.checked = event.target.checked;
  });

  // Whoever fills in what belongs to a choice has chosen it.
  document.addEventListener("input", (event) => {
    const part = event.target.closest("[data-chooses]");
    if (!part) return;
    const [id, value] = part.dataset.chooses.split("=");
    const select = document.getElementById(id);
    if (select && select.value !== value) select.value = value;
  });

  document.addEventListener("htmx:configRequest", (event) => {
    // Empty filters need not stand in the address.
    if (!event.detail.elt.matches("[data-tidy]")) return;
    const given = event.detail.parameters;
    for (const name of [...Object.keys(given)]) if (!given[name]) delete given[name];
  });

  document.addEventListener("htmx:afterSettle", () => {
    const live = document.getElementById("live");
    if (live) say(live.dataset.say);
  });

  // Leaving a page aborts its polls, which is no loss of connection; a download looks like leaving, but comes back.
  let leaving = false;
  window.addEventListener("beforeunload", () => { leaving = true; setTimeout(() => { leaving = false; }, 3000); });
  const lost = (yes) => { const bar = document.getElementById("lost"); if (bar) bar.hidden = !yes || leaving; };
  document.addEventListener("htmx:sendError", () => lost(true));
  document.addEventListener("htmx:responseError", (event) => lost(event.detail.xhr.status >= 500));
  document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) lost(false); });

  document.addEventListener("DOMContentLoaded", () => {
    const first = document.querySelector("[data-focus]");
    if (first) first.focus();
    // Where the navigation scrolls sideways, the page that is shown is in sight.
    for (const here of document.querySelectorAll(".top nav [aria-current]")) {
      const bar = here.closest("nav");
      bar.scrollLeft = here.offsetLeft - (bar.clientWidth - here.offsetWidth) / 2;
    }
  });
})();
