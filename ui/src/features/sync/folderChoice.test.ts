import { describe, expect, it } from "vitest";

import { isChosen, isPartly, withFolder, withoutFolder } from "./folderChoice";

const TREE: Record<string, string[]> = { a: ["a/b", "a/c"], "a/b": ["a/b/x", "a/b/y", "a/b/z"] };
const childrenOf = (folder: string) => TREE[folder] ?? [];

describe("chosen folders", () => {
  it("stand for what is in them", () => {
    expect(isChosen(["a"], "a/b/x")).toBe(true);
    expect(isChosen(["a"], "ab")).toBe(false);
    expect(isPartly(["a/b"], "a")).toBe(true);
    expect(isPartly(["a"], "a")).toBe(false);
  });

  it("take in what lies below them", () => {
    expect(withFolder(["a/b", "d"], "a")).toEqual(["a", "d"]);
    expect(withFolder(["a"], "a/b")).toEqual(["a"]);
  });

  it("leave their brothers when one below is taken out", () => {
    expect(withoutFolder(["a"], "a/b/x", childrenOf)).toEqual(["a/b/y", "a/b/z", "a/c"]);
    expect(withoutFolder(["a/b/x", "a/c"], "a/b", childrenOf)).toEqual(["a/c"]);
    expect(withoutFolder(["d"], "d", childrenOf)).toEqual([]);
  });
});
