import { screen } from "@testing-library/react";
import { expect, it } from "vitest";

import { openWindow, usesWindow } from "../../testing/window";
import { testPair } from "./testPair";

usesWindow();

it("shows a pair", async () => {
  await openWindow("/sync/p", { "sync.pair": testPair() });
  expect(await screen.findByRole("heading", { name: "Photos" })).toBeTruthy();
});
