/**
 * What next has of sessions that are not its own: copied while current serves them, so that at the freeze only the rest
 * is to be sent. They are in memory only: no session is served from one, and one that is lost is sent whole.
 */
import type { SessionName, Snapshot } from "./messages.ts"

export interface Copies<B> {
    /** Which version is here. */
    version(session: SessionName): number | null
    /** False: there is no room for it, or it is not what was sent. */
    keep(session: SessionName, snapshot: Snapshot<B>): boolean
    /** The body that a snapshot leaves out, made of the copy; undefined when that would not be what was meant. */
    complete(session: SessionName, snapshot: Snapshot<B>): B | undefined
    drop(session: SessionName): void
    clear(): void
}

/** Of bodies for which only their version can stand. */
export class WholeCopies<B> implements Copies<B> {
    protected readonly kept = new Map<SessionName, Snapshot<B>>()

    version(session: SessionName): number | null {
        return this.kept.get(session)?.version ?? null
    }

    /** One that comes late may take the place of a newer one: then more has to be sent. */
    keep(session: SessionName, snapshot: Snapshot<B>): boolean {
        this.kept.set(session, snapshot)
        return true
    }

    complete(session: SessionName, { version, since }: Snapshot<B>): B | undefined {
        const copy = this.kept.get(session)
        return since === undefined && copy?.version === version ? copy.body : undefined
    }

    drop(session: SessionName): void {
        this.kept.delete(session)
    }

    clear(): void {
        this.kept.clear()
    }
}
