import * as ds from "@devicescript/core"
import { readValue, storeReady } from "../bootloader/store"

/*
 * Configuration from settings, as `.env` or `writeSetting` put it there.
 *
 * | key      | meaning                                              | default    |
 * |----------|------------------------------------------------------|------------|
 * | hUrl     | the update server, `http://host:port`; none = offline | none      |
 * | hToken   | the device's token                                   | ""         |
 * | hKey     | 64 hex digits: requests are sealed with it, see `seal.ts` | none |
 * | hChannel | stream of releases                                   | "stable"   |
 * | hId      | what the device is called at the server              | device id  |
 * | hPoll    | seconds that the server may hold a poll              | 30         |
 * | hPolicy  | when an update may begin, see `policy.ts`            | "auto"     |
 * | hJitter  | seconds over which the first poll of a start is spread | hPoll    |
 * | hTrialMs | milliseconds without a fault before a trial ends well | 5000      |
 */
export interface Config {
    url: string
    token: string
    key: string
    channel: string
    id: string
    pollS: number
    trialMs: number
    policy: string
    jitterMs: number
}

const READ_MS = 3000

export async function readConfig(): Promise<Config> {
    const deadlineMs = ds.millis() + READ_MS
    await storeReady(deadlineMs)
    const pollS = Math.constrain(+(await setting("hPoll", 30, deadlineMs)) || 30, 1, 60)
    return {
        url: await setting("hUrl", "", deadlineMs),
        token: await setting("hToken", "", deadlineMs),
        key: hexDigits(await setting("hKey", "", deadlineMs)),
        channel: await setting("hChannel", "stable", deadlineMs),
        id: await setting("hId", ds.deviceIdentifier("self"), deadlineMs),
        pollS,
        policy: (await setting("hPolicy", "auto", deadlineMs)) + "",
        jitterMs: Math.constrain(+(await setting("hJitter", pollS, deadlineMs)) * 1000, 0, 600000),
        trialMs: Math.constrain(+(await setting("hTrialMs", 5000, deadlineMs)) || 5000, 100, 600000),
    }
}

/** Bare digits could have been read as a number, which would be another key. */
function hexDigits(value: any): string {
    return typeof value === "string" ? value : ""
}

/** JSON as @devicescript/settings writes it, or the bare text of an `.env` file. */
async function setting(key: string, missing: any, deadlineMs: number): Promise<any> {
    const value = await readValue(key, deadlineMs)
    if (!value || !value.length) return missing
    const text = value.toString()
    try {
        return JSON.parse(text)
    } catch (e) {
        return text
    }
}
