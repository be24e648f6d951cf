/** A program cannot be made into a base. */
export class LinkError extends Error {
    readonly code: "HOV_LINK_RESIDENT" | "HOV_LINK_SIZE"
    constructor(code: "HOV_LINK_RESIDENT" | "HOV_LINK_SIZE", message: string) {
        super(message)
        this.name = "LinkError"
        this.code = code
    }
}
