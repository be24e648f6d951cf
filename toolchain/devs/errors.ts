/** A `.devs` file or its bytecode is not what the VM would load. */
export class DevsError extends Error {
    readonly code = "HOV_DEVS_FORMAT"
    constructor(message: string) {
        super(message)
        this.name = "DevsError"
    }
}
