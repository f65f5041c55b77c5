// A WebDriver client of the size this test needs: a session on the app's window, elements, keys, pictures.
//
// It talks to WebKitWebDriver itself. tauri-driver would only translate one capability and start the same program,
// and it would be one more thing to compile on every fresh machine (docs/decisions/0030-webdriver-without-a-proxy.md).
// Waiting is polling for a state of the page with a generous limit; nothing sleeps and hopes.
import { writeFileSync } from "node:fs";

const elementKey = "element-6066-11e4-a52e-4f735466cecf";
const patienceMs = 30_000;
const pollMs = 100;

export class Window {
  #base;
  #session;

  /** Starts the app under a WebDriver that listens on this port. */
  static async open(port, binary) {
    const window = new Window();
    window.#base = `http://127.0.0.1:${port}`;
    await window.until("the WebDriver listens", async () => (await window.#ask("GET", "/status")).ready, 10_000);
    const answer = await window.#ask("POST", "/session", {
      capabilities: { alwaysMatch: { "webkitgtk:browserOptions": { binary, args: [] } } },
    });
    window.#session = `/session/${answer.sessionId}`;
    return window;
  }

  async close() {
    if (this.#session) await this.#ask("DELETE", this.#session).catch(() => {});
  }

  async #ask(method, path, body) {
    const response = await fetch(this.#base + path, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${value?.error}: ${value?.message}`);
    return value;
  }

  /** Runs a function in the page. Arguments and answer are JSON, or elements. */
  run(body, ...values) {
    return this.#ask("POST", `${this.#session}/execute/sync`, { script: `return (${body}).apply(null, arguments);`, args: values });
  }

  /** Waits until the work answers something true; answers that. Errors count as "not yet". */
  async until(what, work, limitMs = patienceMs) {
    const end = Date.now() + limitMs;
    let trouble = "";
    for (;;) {
      try {
        const answer = await work();
        if (answer) return answer;
        trouble = "";
      } catch (error) {
        trouble = `: ${error.message}`;
      }
      if (Date.now() > end) throw new Error(`waited ${limitMs / 1000} s, but not yet: ${what}${trouble}`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  /** The visible element that a person would name so: by its role and its accessible name (text, label, aria-label). */
  async find(role, name, limitMs = patienceMs) {
    const pattern = name instanceof RegExp ? [name.source, name.flags] : [`^${escape(name)}$`, ""];
    const element = await this.until(`${role} "${name}" is there`, () => this.run(findInPage, role, ...pattern), limitMs);
    return element[elementKey];
  }

  /** Whether it is there right now. */
  async has(role, name) {
    const pattern = name instanceof RegExp ? [name.source, name.flags] : [`^${escape(name)}$`, ""];
    return (await this.run(findInPage, role, ...pattern)) !== null;
  }

  /** Clicks what a person would name so. Tried again while it moves or is replaced. */
  click(role, name) {
    return this.until(`${role} "${name}" can be clicked`, async () => {
      const id = await this.find(role, name);
      await this.#ask("POST", `${this.#session}/element/${id}/click`, {});
      return true;
    });
  }

  /** Makes sure that a checkbox, radio button or switch is on. */
  choose(role, name) {
    return this.until(`${role} "${name}" is on`, async () => {
      const id = await this.find(role, name);
      const state = `(element) => element.checked === true || element.getAttribute("aria-checked") === "true"`;
      if (await this.run(state, { [elementKey]: id })) return true;
      await this.#ask("POST", `${this.#session}/element/${id}/click`, {});
      return this.run(state, { [elementKey]: id });
    });
  }

  /** Writes into a field, in place of what was there. */
  async write(role, name, text) {
    const id = await this.find(role, name);
    await this.#ask("POST", `${this.#session}/element/${id}/clear`, {});
    await this.#ask("POST", `${this.#session}/element/${id}/value`, { text });
  }

  /** What is written in a field. */
  async valueOf(name) {
    const id = await this.find("field", name);
    return this.run("(element) => element.value", { [elementKey]: id });
  }

  /** The text a person sees. */
  text() {
    return this.run("() => document.body.innerText");
  }

  /** Waits for a text. */
  see(pattern, limitMs = patienceMs) {
    return this.until(`the page says ${pattern}`, async () => pattern.exec(await this.text()), limitMs);
  }

  /** Keeps a picture of the page, after it has painted what it shows and nothing moves any more. */
  async picture(file) {
    const settled = `
      const done = arguments[0];
      const ending = document.getAnimations().filter((animation) => Number.isFinite(animation.effect?.getComputedTiming().endTime));
      Promise.allSettled(ending.map((animation) => animation.finished))
        .then(() => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))));`;
    await this.#ask("POST", `${this.#session}/execute/async`, { script: settled, args: [] });
    writeFileSync(file, Buffer.from(await this.#ask("GET", `${this.#session}/screenshot`), "base64"));
  }
}

function escape(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** Runs in the page: the first visible, enabled element of a role whose accessible name matches. */
const findInPage = `(role, source, flags) => {
  const selectors = {
    button: "button, [role=button]",
    link: "a[href], [role=link]",
    radio: "input[type=radio], [role=radio]",
    checkbox: "input[type=checkbox], [role=checkbox]",
    switch: "[role=switch]",
    field: "input:not([type=radio]):not([type=checkbox]), textarea, [role=textbox]",
    heading: "h1, h2, h3, [role=heading]",
    dialog: "dialog, [role=dialog], [role=alertdialog]",
    row: "tr, [role=row], [role=option], [role=treeitem]",
    option: "option, [role=option]",
    menuitem: "[role=menuitem]",
    tab: "[role=tab]",
    combobox: "select, [role=combobox]",
    progress: "progress, [role=progressbar]",
    any: "*",
  };
  const pattern = new RegExp(source, flags);
  const nameOf = (element) => {
    const byId = (ids) => ids.split(/\\s+/).map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
    const labelled = element.getAttribute("aria-labelledby");
    const names = [
      element.getAttribute("aria-label") ?? "",
      labelled ? byId(labelled) : "",
      element.labels ? [...element.labels].map((label) => label.textContent).join(" ") : "",
      element.closest("label")?.textContent ?? "",
      element.textContent ?? "",
      element.getAttribute("title") ?? "",
      element.getAttribute("placeholder") ?? "",
    ];
    return names.map((name) => name.replace(/\\s+/g, " ").trim()).filter((name) => name !== "");
  };
  for (const element of document.querySelectorAll(selectors[role])) {
    if (element.disabled || element.getAttribute("aria-disabled") === "true") continue;
    if (!element.checkVisibility() && !element.closest("label")?.checkVisibility()) continue;
    if (nameOf(element).some((name) => pattern.test(name))) return element;
  }
  return null;
}`;
