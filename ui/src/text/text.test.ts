import { describe, expect, it } from "vitest";

import { cutAtNames, fill, formOf } from "./catalogue";
import { en } from "./en";

const rules = new Intl.PluralRules("en");

const sources = Object.values(import.meta.glob<string>(["../**/*.ts", "../**/*.tsx", "!../text/**", "!../**/*.test.ts", "!../**/*.test.tsx"], { query: "?raw", import: "default", eager: true })).join("\n");

describe("the catalogue", () => {
  it("holds no text that nobody shows", () => {
    // Keys that end in a word of the engine are put together: t(`trouble.means.${code}`).
    const composed = [...sources.matchAll(/t\(`([a-z_.]+)\$\{/g)].map((match) => match[1] ?? "");
    const unused = Object.keys(en).filter((key) => !sources.includes(`"${key}"`) && !composed.some((start) => key.startsWith(start)));
    expect(unused).toEqual([]);
  });

  it("chooses the form by the count", () => {
    const message = { one: "{count} file", other: "{count} files" };
    expect(formOf(message, 1, rules)).toBe("{count} file");
    expect(formOf(message, 0, rules)).toBe("{count} files");
    expect(formOf(message, 21, rules)).toBe("{count} files");
  });

  it("fills names and leaves a missing one visible", () => {
    expect(fill("{done} of {total}", { done: "1", total: "2" })).toBe("1 of 2");
    expect(fill("{done} of {total}", { done: "1" })).toBe("1 of {total}");
  });

  it("cuts a text at its names", () => {
    expect(cutAtNames("From {from} to {to}.")).toEqual(["From ", "from", " to ", "to", "."]);
  });

  it("has no empty text, no stray braces and plurals that speak of their count", () => {
    for (const [key, message] of Object.entries(en) as [string, string | { one: string; other: string }][]) {
      for (const form of typeof message === "string" ? [message] : [message.one, message.other]) {
        expect(form.trim(), key).not.toBe("");
        expect(form.replace(/\{[A-Za-z]+\}/g, ""), key).not.toMatch(/[{}]/);
      }
      if (typeof message !== "string") expect(message.other, key).toContain("{count}");
    }
  });
});
