/*
 * Jacdac frames, as far as a client of one service needs them (jd_physical.h of jacdac-c):
 *
 *   crc u16 | size u8 | flags u8 | device id (8) | packets
 *   packet: size u8 | service index u8 | command u16 | data, padded to 4
 */
const HEADER_BYTES = 12
const PACKET_HEADER_BYTES = 4
const FLAG_COMMAND = 1
export const PACKET_MAX_BYTES = 236

export interface Packet {
    /** 16 hex digits: who gets a command, who sent a report. */
    readonly deviceId: string
    readonly isCommand: boolean
    readonly serviceIndex: number
    readonly command: number
    readonly data: Buffer
}

function crc16(bytes: Uint8Array): number {
    let crc = 0xffff
    for (const byte of bytes) {
        let x = (crc >> 8) ^ byte
        x ^= x >> 4
        crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xffff
    }
    return crc
}

/** The receiver answers with a packet of service 0x3f whose command is the frame's check sum. */
export const FLAG_ACK_REQUESTED = 2

/** A frame with one command in it. Throws when the data does not fit. */
export function commandFrame(deviceId: string, serviceIndex: number, command: number, data: Uint8Array, flags = 0): Buffer {
    if (data.length > PACKET_MAX_BYTES - PACKET_HEADER_BYTES) throw new RangeError(`${data.length} bytes do not fit a Jacdac packet`)
    const packetBytes = (PACKET_HEADER_BYTES + data.length + 3) & ~3
    const frame = Buffer.alloc(HEADER_BYTES + packetBytes)
    frame[2] = packetBytes
    frame[3] = FLAG_COMMAND | flags
    Buffer.from(deviceId, "hex").copy(frame, 4)
    frame[12] = data.length
    frame[13] = serviceIndex
    frame.writeUInt16LE(command, 14)
    frame.set(data, 16)
    frame.writeUInt16LE(crc16(frame.subarray(2)), 0)
    return frame
}

/** The packets of a frame; none when it is damaged. */
export function framePackets(bytes: Uint8Array): Packet[] {
    const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (frame.length < HEADER_BYTES + PACKET_HEADER_BYTES || frame.length < HEADER_BYTES + frame[2]) return []
    const end = HEADER_BYTES + frame[2]
    if (crc16(frame.subarray(2, end)) !== frame.readUInt16LE(0)) return []
    const packets: Packet[] = []
    for (let at = HEADER_BYTES; at + PACKET_HEADER_BYTES <= end; ) {
        const size = frame[at]
        if (at + PACKET_HEADER_BYTES + size > end) break
        packets.push({
            deviceId: frame.toString("hex", 4, 12),
            isCommand: (frame[3] & FLAG_COMMAND) !== 0,
            serviceIndex: frame[at + 1],
            command: frame.readUInt16LE(at + 2),
            data: frame.subarray(at + PACKET_HEADER_BYTES, at + PACKET_HEADER_BYTES + size),
        })
        at += (PACKET_HEADER_BYTES + size + 3) & ~3
    }
    return packets
}
