/** An image was refused; `code` says why and is reported to the server. */
export class HotswapError extends Error {
    constructor(public code: string) {
        super(code)
    }
}
