/** What happened in a run, as far as it can be seen from outside a server's head. The checker reads nothing else. */
export type Entry = { readonly atMs: number } & (
    | { readonly what: "kill" | "restart"; readonly server: string }
    /** The operator was told that the command is taken. */
    | { readonly what: "issued"; readonly device: string; readonly n: number }
    | { readonly what: "applied"; readonly device: string; readonly n: number }
    /** The device was told that its status is taken. */
    | { readonly what: "acknowledged"; readonly device: string; readonly n: number }
    /** The device got a good answer. */
    | { readonly what: "served"; readonly device: string }
    /** A server answered for the device, or its store took a write, at an epoch. */
    | { readonly what: "handled" | "wrote"; readonly device: string; readonly server: string; readonly epoch: number }
    | { readonly what: "phase"; readonly server: string; readonly phase: string }
    | { readonly what: "final"; readonly device: string; readonly owners: readonly string[]; readonly statuses: readonly number[]; readonly commands: readonly number[] }
    | { readonly what: "end"; readonly reason: "quiet" | "limit" }
)
