import { commandFrame, framePackets, type Packet } from "./frames.ts"
import type { JacdacLink } from "./link.ts"
import { reply } from "./reply.ts"

/* The board's own services, as every stock firmware has them (service specifications `settings` and `wifi` of Jacdac). */

const SETTINGS = 0x1107dc4a
const WIFI = 0x18aae1fa
const SETTINGS_GET = 0x80
const SETTINGS_SET = 0x81
const WIFI_ADD_NETWORK = 0x81
const REPLY_MS = 700
const TRIES = 4

export interface BoardServices {
    readonly deviceId: string
    /** number of the settings service */
    readonly settings: number
    /** undefined: it has no Wi-Fi */
    readonly wifi: number | undefined
}

/** Devices with a settings service that announce themselves within `waitMs`; they do so every 0.5 s. */
export function findBoardServices(link: JacdacLink, waitMs: number): Promise<BoardServices[]> {
    const found = new Map<string, BoardServices>()
    const off = link.onFrame(frame => {
        for (const p of framePackets(frame)) {
            if (p.isCommand || p.serviceIndex !== 0 || p.command !== 0) continue
            const classes = Array.from({ length: Math.floor(p.data.length / 4) }, (_, i) => (i === 0 ? 0 : p.data.readUInt32LE(i * 4)))
            const [settings, wifi] = [classes.indexOf(SETTINGS), classes.indexOf(WIFI)]
            if (settings > 0) found.set(p.deviceId, { deviceId: p.deviceId, settings, wifi: wifi > 0 ? wifi : undefined })
        }
    })
    return new Promise(resolve =>
        setTimeout(() => {
            off()
            resolve([...found.values()])
        }, waitMs),
    )
}

/** Stores a setting and reads it back: the store does not say when it is full. Returns whether it is there. */
export async function storeSetting(link: JacdacLink, board: BoardServices, key: string, value: Uint8Array): Promise<boolean> {
    const name = Buffer.from(`${key}\0`)
    for (let i = 0; i < TRIES; i++) {
        link.send(commandFrame(board.deviceId, board.settings, SETTINGS_SET, Buffer.concat([name, value])))
        const ask = () => link.send(commandFrame(board.deviceId, board.settings, SETTINGS_GET, Buffer.from(key)))
        const stored = await reply(link, REPLY_MS, ask, p => isFromSettings(board, p) && p.command === SETTINGS_GET && p.data.subarray(0, name.length).equals(name))
        if (stored?.subarray(name.length).equals(value)) return true
    }
    return false
}

/** The board joins it at once, and at every start. */
export function addNetwork(link: JacdacLink, board: BoardServices, ssid: string, password: string): void {
    if (board.wifi !== undefined) link.send(commandFrame(board.deviceId, board.wifi, WIFI_ADD_NETWORK, Buffer.from(`${ssid}\0${password}\0`)))
}

function isFromSettings({ deviceId, settings }: BoardServices, p: Packet): boolean {
    return !p.isCommand && p.deviceId === deviceId && p.serviceIndex === settings
}
