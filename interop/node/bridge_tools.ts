// What the servers of both versions of the SDK have in common: their tools' names, what they ask, and who was cancelled.
import { setTimeout } from "node:timers/promises";

// ask elicits, think samples, look asks for the roots, and talk does all three, one after the other, and tells of
// progress before. work tells of progress and logs.
// wait waits to be cancelled, and ended tells whether the call with that token was.
export const names = ["ask", "think", "look", "talk", "work", "wait", "ended"];

export const tokens = { type: "object" as const, properties: { token: { type: "string" } } };

export const form = {
  message: "Who is there?",
  requestedSchema: {
    type: "object" as const,
    properties: { name: { type: "string" as const, title: "Your name" } },
    required: ["name"],
  },
};

// The tokens of the calls that were cancelled.
export const ended = new Set<string>();

// pause waits, until the signal at the latest.
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await setTimeout(milliseconds, undefined, { signal }).catch(() => undefined);
}
