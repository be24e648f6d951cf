import { framePackets, type Packet } from "./frames.ts"
import type { JacdacLink } from "./link.ts"

/** Sends a question and waits for the report that `isIt` knows; undefined when none came in time. The data is a copy. */
export function reply(link: JacdacLink, timeoutMs: number, send: () => void, isIt: (packet: Packet) => boolean): Promise<Buffer | undefined> {
    return new Promise(resolve => {
        const finish = (found?: Packet) => {
            clearTimeout(timer)
            off()
            resolve(found && Buffer.from(found.data))
        }
        const timer = setTimeout(finish, timeoutMs)
        const off = link.onFrame(frame => {
            const found = framePackets(frame).find(isIt)
            if (found) finish(found)
        })
        send()
    })
}
