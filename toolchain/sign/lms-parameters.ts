/** The parameter sets of RFC 8554 that Handover signs with: SHA-256/M32, tree heights 5, 10, 15, Winternitz 4 and 8. */
import { SignError } from "./sign-error.ts"

export const HASH_SIZE_BYTES = 32
export const IDENTIFIER_SIZE_BYTES = 16
export const LMS_PUBLIC_KEY_SIZE_BYTES = 56
/** An HSS public key is the number of levels (here always 1) and the LMS public key of the top level. */
export const HSS_PUBLIC_KEY_SIZE_BYTES = 4 + LMS_PUBLIC_KEY_SIZE_BYTES

export type TreeHeight = 5 | 10 | 15
export type WinternitzBits = 4 | 8

export interface LmsParameters {
    readonly treeHeight: TreeHeight
    readonly winternitzBits: WinternitzBits
    /** RFC 8554 §5.1 typecode. */
    readonly lmsType: number
    /** RFC 8554 §4.1 typecode. */
    readonly otsType: number
    /** Number of hash chains, `p` in the RFC. */
    readonly chainCount: number
    /** Links of a chain, 2^w - 1. */
    readonly chainLength: number
    /** `ls` in the RFC: left shift of the checksum. */
    readonly checksumShift: number
    readonly leafCount: number
    /** u32 q | u32 ots type | C | y[p] | u32 lms type | path[h] */
    readonly lmsSignatureSizeBytes: number
    /** The LMS signature behind the u32 count of further public keys, here 0. */
    readonly hssSignatureSizeBytes: number
}

const treeHeightOfType: Record<number, TreeHeight | undefined> = { 5: 5, 6: 10, 7: 15 }
const winternitzOfType: Record<number, WinternitzBits | undefined> = { 3: 4, 4: 8 }

/** H10/W8: 1,024 signatures of 1,456 bytes. */
export const DEFAULT_LMS_PARAMETERS = lmsParameters(10, 8)

/** @throws SignError `HOV_LMS_PARAMETERS` */
export function lmsParameters(treeHeight: number, winternitzBits: number): LmsParameters {
    const lmsType = typeOf(treeHeightOfType, treeHeight)
    const otsType = typeOf(winternitzOfType, winternitzBits)
    if (lmsType === undefined || otsType === undefined)
        throw new SignError(
            "HOV_LMS_PARAMETERS",
            `tree height ${treeHeight} with Winternitz ${winternitzBits} is not supported: take height 5, 10 or 15 and Winternitz 4 or 8`,
        )
    const chainCount = winternitzBits === 8 ? 34 : 67
    const lmsSignatureSizeBytes = 4 + 4 + HASH_SIZE_BYTES * (1 + chainCount + treeHeight) + 4
    return {
        treeHeight: treeHeight as TreeHeight,
        winternitzBits: winternitzBits as WinternitzBits,
        lmsType,
        otsType,
        chainCount,
        chainLength: 2 ** winternitzBits - 1,
        checksumShift: winternitzBits === 8 ? 0 : 4,
        leafCount: 2 ** treeHeight,
        lmsSignatureSizeBytes,
        hssSignatureSizeBytes: 4 + lmsSignatureSizeBytes,
    }
}

/** The parameter set of two RFC typecodes, or undefined when Handover does not have it. */
export function lmsParametersOfTypes(lmsType: number, otsType: number): LmsParameters | undefined {
    const treeHeight = treeHeightOfType[lmsType]
    const winternitzBits = winternitzOfType[otsType]
    return treeHeight && winternitzBits ? lmsParameters(treeHeight, winternitzBits) : undefined
}

export function lmsParametersName(parameters: LmsParameters): string {
    return `LMS_SHA256_M32_H${parameters.treeHeight}/LMOTS_SHA256_N32_W${parameters.winternitzBits}`
}

function typeOf(table: Record<number, number | undefined>, value: number): number | undefined {
    const found = Object.keys(table).find(type => table[Number(type)] === value)
    return found === undefined ? undefined : Number(found)
}
