import { describe, expect, it } from "vitest";

import type { DiffLine } from "../../api";
import { pairLines } from "./lines";
import { choiceFor, wayOf } from "./ways";

describe("the way of a row", () => {
  it("is towards the side that is changed, until it is left out", () => {
    expect(wayOf({ side: "right", choice: null })).toBe("right");
    expect(wayOf({ side: "right", choice: "skip" })).toBe("skip");
  });

  it("is turned round, left out, and taken back", () => {
    expect(choiceFor({ side: "right", choice: null }, "left")).toBe("rightToLeft");
    expect(choiceFor({ side: "right", choice: null }, "skip")).toBe("skip");
    expect(choiceFor({ side: "right", choice: "skip" }, "skip")).toBeNull();
    expect(choiceFor({ side: "right", choice: "skip" }, "right")).toBeNull();
    expect(choiceFor({ side: "right", choice: "skip" }, "left")).toBe("rightToLeft");
  });
});

describe("lines beside each other", () => {
  const line = (kind: DiffLine["kind"], text: string): DiffLine => ({ kind, left: null, right: null, text });

  it("are paired within a block, and the same lines on both sides", () => {
    const pairs = pairLines([line("same", "a"), line("left", "b"), line("left", "c"), line("right", "d"), line("gap", ""), line("right", "e")]);
    expect(pairs.map(({ left, right, gap }) => [left?.text, right?.text, gap])).toEqual([
      ["a", "a", false],
      ["b", "d", false],
      ["c", undefined, false],
      ["", "", true],
      [undefined, "e", false],
    ]);
  });
});
