/**
 * How many times longer than asked for a wait for a board may last: a deadline is there to end a run that hangs, and on a
 * machine with other work a board that is well can be late. `HANDOVER_SIM_PATIENCE`, 1 by default.
 */
export const PATIENCE = Number(process.env.HANDOVER_SIM_PATIENCE ?? 1)
