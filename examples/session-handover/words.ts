/** What a player and a server say to each other: JSON, one message each. */

/** A player's body: whatever a server needs to go on with the game. */
export interface Player {
    readonly x: number
    /** The number of the last step that counts: one that comes again is no second step. */
    readonly step: number
    /** What happened, until the player has seen it. */
    readonly events: readonly GameEvent[]
    readonly lastEvent: number
}

export interface GameEvent {
    readonly n: number
    readonly x: number
    readonly by: "player" | "world"
}

export type FromPlayer = { readonly step: number; readonly dx: number; readonly seen: number }

export type FromServer =
    /** You are served here from now on. What you have not seen follows: you had seen so many events, and steps of yours among them. */
    | { readonly kind: "welcome"; readonly seen: number; readonly steps: number }
    | { readonly kind: "event"; readonly event: GameEvent }
    /** Connect there, too, and go on with me. */
    | { readonly kind: "move"; readonly url: string }
    /** Let go of me: you are served there. */
    | { readonly kind: "go"; readonly url: string }

export const MESSAGE_MAX_BYTES = 0xffff

export const NEW_PLAYER: Player = { x: 0, step: 0, events: [], lastEvent: 0 }

/** What happens to a player: a step of theirs, or something that falls on them. */
export function happened(player: Player, by: GameEvent["by"], dx: number): Player {
    const x = player.x + dx
    const event = { n: player.lastEvent + 1, x, by }
    return { x, step: player.step + (by === "player" ? 1 : 0), events: [...player.events, event], lastEvent: event.n }
}

export function welcomeOf({ step, events, lastEvent }: Player): FromServer {
    return { kind: "welcome", seen: lastEvent - events.length, steps: step - events.filter(({ by }) => by === "player").length }
}

export const seenUpTo = (player: Player, n: number): Player => (player.events.length === 0 || player.events[0].n > n ? player : { ...player, events: player.events.filter(event => event.n > n) })
