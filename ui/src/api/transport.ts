/**
 * The one transport: a command goes to the engine, its answer or its error comes back.
 *
 * Inside the Tauri shell it is one IPC command named `call`; in a browser it is HTTP to the host on loopback that
 * served this page. Only this folder knows the difference. Invariant: whatever goes wrong arrives as a `Failure`.
 * Deliberately not here: caching and state (lib/queries, api/jobs).
 */
import { invoke, isTauri } from "@tauri-apps/api/core";

import type { ApiError, CommandName, Commands } from "./generated";
import { takeToken } from "./token";

/** An error of the engine, or of the way to it. */
export class Failure extends Error {
  readonly details: ApiError;

  constructor(details: ApiError) {
    super(details.message);
    this.name = "Failure";
    this.details = details;
  }
}

type Carrier = (command: CommandName, payload: unknown, signal: AbortSignal | undefined) => Promise<unknown>;

function isApiError(value: unknown): value is ApiError {
  return typeof value === "object" && value !== null && "code" in value && "message" in value;
}

/** Folds whatever was thrown into the one error the window knows. `unreachable` means the engine did not answer. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  if (isApiError(thrown)) return new Failure(thrown);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new Failure({ code: "unreachable", message, hint: null, path: null, retry: true, server: null });
}

const throughTauri: Carrier = (command, payload) => invoke("call", { command, payload });

const token = takeToken();

const throughHttp: Carrier = async (command, payload, signal) => {
  const response = await fetch(`/api/${command}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify(payload),
    ...(signal ? { signal } : {}),
  });
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer;
  if (isApiError(answer)) throw new Failure(answer);
  throw new Error(`${response.status} ${response.statusText}`);
};

export const insideShell = isTauri();
const carrier: Carrier = insideShell ? throughTauri : throughHttp;

/** Runs a command of the engine. */
export async function call<Name extends CommandName>(
  command: Name,
  payload: Commands[Name]["request"],
  signal?: AbortSignal,
): Promise<Commands[Name]["answer"]> {
  try {
    return (await carrier(command, payload, signal)) as Commands[Name]["answer"];
  } catch (thrown) {
    throw toFailure(thrown);
  }
}
