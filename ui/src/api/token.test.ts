import { describe, expect, it } from "vitest";

import { splitToken } from "./token";

describe("the token in the address", () => {
  it.each([
    ["http://127.0.0.1:4174/#token=abc", "abc", "http://127.0.0.1:4174/"],
    ["http://127.0.0.1:4174/?token=abc", "abc", "http://127.0.0.1:4174/"],
    ["http://127.0.0.1:4174/?token=abc#/places", "abc", "http://127.0.0.1:4174/#/places"],
    ["http://127.0.0.1:4174/#/places", undefined, "http://127.0.0.1:4174/#/places"],
  ])("%s", (address, token, rest) => {
    expect(splitToken(address)).toEqual({ token, rest });
  });
});
