/**
 * A DDI device in the words of the rest of the server. It has no base image; what stands
 * in its place is its *kind*: the release's file for that kind is what it gets, just as a
 * board gets the image for its base. So rollouts, groups and the controller need not know
 * which of the two they deal with.
 */
import { createHash } from "node:crypto"
import type { Actual } from "../device-state.ts"

export const KIND_PATTERN = "^[a-z0-9][a-z0-9._-]{0,31}$"
export const KIND_DEFAULT = "linux"
/** Set by operators: which of a release's files the device gets. */
export const KIND_ATTRIBUTE = "ddiKind"
/** Set by the server when a gateway token made the device: no other tenant's gateway speaks for it. */
export const TENANT_ATTRIBUTE = "ddiTenant"
/** Before the names of what a device says about itself, so that it cannot overwrite what an operator said. */
export const REPORTED_PREFIX = "ddi."

const kindPattern = new RegExp(KIND_PATTERN)

/** Where a board has its base's id. */
export const kindId = (kind: string): string => createHash("sha256").update(`ddi:${kind}`).digest("hex").slice(0, 16)

export function kindOf(attributes: Readonly<Record<string, string>>): string {
    const kind = attributes[KIND_ATTRIBUTE]
    return kind !== undefined && kindPattern.test(kind) ? kind : KIND_DEFAULT
}

/** What is known of a device that has not yet ended an update: DDI has no word for the version that runs. */
export const unknownActual = (kind: string): Actual => ({
    version: "unknown",
    sequence: 0,
    baseId: kindId(kind),
    bank: "A",
    state: "idle",
    bootCount: null,
    channel: null,
    uptimeMs: null,
    ledger: null,
})
