/** A value that views look at; they are told of changes at most a few times a second. */
import { useEffect, useState } from "preact/hooks"

const FLUSH_MS = 200

export class Watched {
    readonly #listeners = new Set<() => void>()
    #timer: ReturnType<typeof setTimeout> | undefined
    /** Raised with each change that was told. */
    revision = 0

    watch(listener: () => void): () => void {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
    }

    /** Soon: changes that come close together are told once. */
    protected changed(): void {
        this.#timer ??= setTimeout(() => this.tell(), FLUSH_MS)
    }

    /** Now. */
    protected tell(): void {
        clearTimeout(this.#timer)
        this.#timer = undefined
        this.revision++
        for (const listener of this.#listeners) listener()
    }
}

/** Renders again when the value has changed; returns its revision. */
export function useWatched(value: Watched): number {
    const [revision, setRevision] = useState(value.revision)
    useEffect(() => {
        setRevision(value.revision)
        return value.watch(() => setRevision(value.revision))
    }, [value])
    return revision
}
