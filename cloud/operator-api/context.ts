import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox"
import type { Controller } from "../controller/controller.ts"
import type { ControllerPolicy } from "../controller/decide.ts"
import type { Diagnostics } from "../diagnostics.ts"
import type { EventHub } from "../events/hub.ts"
import type { HawkbitHealth } from "../hawkbit/health.ts"
import type { Principals } from "../principals.ts"
import type { BlobStore } from "../store/blobs.ts"
import type { RolloutRunner } from "../rollouts/runner.ts"
import type { ServerSecret } from "../server-secret.ts"
import type { Repos, Store } from "../store/store.ts"
import type { Tenure } from "../tenure.ts"
import type { Permission, Principal } from "../tokens.ts"
import { operatorGate } from "./authorize.ts"

/** What the operator API's routes work with. */
export interface OperatorContext {
    readonly store: Store
    readonly blobs: BlobStore
    readonly principals: Principals
    readonly secret: ServerSecret
    readonly controller: Controller
    readonly policy: ControllerPolicy
    readonly hub: EventHub
    readonly runner: RolloutRunner
    readonly tenure: Tenure
    readonly diagnostics: Diagnostics
    /** hawkBit behind this server; left out where there is none. */
    readonly hawkbit?: { readonly health: HawkbitHealth }
    readonly now: () => number
}

/** An instance whose handlers have the types of their schemas. */
export type TypedApp = FastifyInstance<
    RawServerDefault,
    IncomingMessage,
    ServerResponse,
    FastifyBaseLogger,
    TypeBoxTypeProvider
>

/** The options that every operator route has: who may, and its place in the description. */
export function route(context: OperatorContext, permission: Permission, tag: string, summary: string) {
    return {
        onRequest: operatorGate(context.principals, permission),
        doc: { tags: [tag], summary, description: `Permission: ${permission}.`, security: [{ operator: [] }] },
    }
}

/** A request with a device in its path, as the gate has let it in (cloud/handover/server/gate.ts). */
export interface OfDevice {
    readonly params: { readonly device: string }
    readonly since?: number | null
}

/** One transaction about the device in a request's path; nothing is written when it is another server's by now. */
export function writeOfDevice<T>({ store, tenure }: OperatorContext, { params, since }: OfDevice, work: (repos: Repos) => Promise<T>): Promise<T> {
    const { device } = params
    return store.write(async repos => {
        if ((await tenure.mustAsk(repos)) && (await repos.devices.get(device)) !== undefined) await tenure.mustHold(repos, device, since ?? null)
        return work(repos)
    })
}

/** Writes who did what, in the transaction that does it. */
export async function audit(
    repos: Repos,
    who: Principal,
    nowMs: number,
    action: string,
    subject: string,
    detail: Readonly<Record<string, unknown>> = {},
): Promise<void> {
    await repos.audit.append({ atMs: nowMs, actor: who.name, role: who.role, action, subject, detail })
}
