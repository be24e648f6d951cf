/** Where requests wait while it is down. */
export class Barrier {
    #down: { readonly passed: Promise<void>; lift(): void } | null = null

    /** Resolves when it is lifted; null when there is nothing to wait for. */
    get passed(): Promise<void> | null {
        return this.#down?.passed ?? null
    }

    lower(): void {
        if (this.#down !== null) return
        let lift = (): void => {}
        const passed = new Promise<void>(resolve => {
            lift = resolve
        })
        this.#down = { passed, lift }
    }

    lift(): void {
        this.#down?.lift()
        this.#down = null
    }
}
