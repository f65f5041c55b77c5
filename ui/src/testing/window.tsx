/**
 * The window with an engine that answers what a test says. For tests only.
 *
 * Invariant: what a test does not answer is refused, as the engine refuses it; every command that was asked is kept.
 */
import { QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { Tooltip } from "@base-ui/react/tooltip";
import { act, cleanup, render } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";

import type { CommandName, Commands } from "../api";
import { Toasts } from "../components/Toasts";
import { queryClient } from "../lib/queries";
import { routerOf } from "../router";

export type Answers = { [Name in CommandName]?: Commands[Name]["answer"] | ((request: Commands[Name]["request"]) => Commands[Name]["answer"]) };

export interface Asked {
  command: CommandName;
  request: unknown;
}

const asked: Asked[] = [];

/** What was asked with these commands, the first one first. */
export function askedWith(...commands: CommandName[]): Asked[] {
  return asked.filter(({ command }) => commands.includes(command));
}

function answer(answers: Answers, command: CommandName, request: unknown): Response {
  asked.push({ command, request });
  const known = answers[command] as unknown;
  if (known === undefined) return Response.json({ code: "notFound", message: `no answer to ${command}`, hint: null, path: null, retry: false, server: null }, { status: 404 });
  return Response.json(typeof known === "function" ? (known as (request: unknown) => unknown)(request) : known);
}

/** Shows the page at an address. */
export async function openWindow(address: string, answers: Answers): Promise<void> {
  vi.stubGlobal("fetch", (url: string, options: { body: string }) => Promise.resolve(answer(answers, url.replace("/api/", "") as CommandName, JSON.parse(options.body) as unknown)));
  const router = routerOf(createMemoryHistory({ initialEntries: [address] }));
  render(
    <QueryClientProvider client={queryClient}>
      <Tooltip.Provider>
        <Toasts>
          <RouterProvider router={router} />
        </Toasts>
      </Tooltip.Provider>
    </QueryClientProvider>,
  );
  // The router hears of the address where it is shown.
  await act(() => Promise.resolve());
}

/** To be called once in a file of tests: every test begins with an engine that was asked nothing. */
export function usesWindow(): void {
  beforeEach(() => {
    asked.length = 0;
    // Nothing is laid out here; a list shows the rows of a window of this height.
    vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(600);
    vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(800);
  });
  afterEach(() => {
    cleanup();
    queryClient.clear();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });
}
