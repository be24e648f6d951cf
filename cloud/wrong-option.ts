/** An option of the server, or a variable of its environment, that it cannot start with; the message says which and how it has to be. */
export class WrongOption extends Error {
    readonly code: "HOV_CLOUD_OPTION" | "HOV_CLOUD_SCHEMA"

    constructor(message: string, code: "HOV_CLOUD_OPTION" | "HOV_CLOUD_SCHEMA" = "HOV_CLOUD_OPTION") {
        super(message)
        this.code = code
    }
}
