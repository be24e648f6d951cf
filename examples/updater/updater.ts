/** node updater.ts DEVICE current|status|update VERSION|cancel (Node 22.18 or later, or tsx), with HANDOVER_URL and HANDOVER_TOKEN. */
const [device, verb, version] = process.argv.slice(2)
const { HANDOVER_URL, HANDOVER_TOKEN } = process.env

async function api(method: string, route: string, body?: object) {
    const answer = await fetch(`${HANDOVER_URL}/api/v1/devices/${encodeURIComponent(device)}${route}`, {
        method,
        headers: { authorization: `Bearer ${HANDOVER_TOKEN}`, ...(body ? { "content-type": "application/json" } : {}) },
        body: body && JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(await answer.text())
    return await answer.json()
}

const verbs: Record<string, () => Promise<unknown>> = {
    current: async () => (await api("GET", "")).actual,
    status: async () => {
        const { actual, command } = await api("GET", "")
        return { actual, command }
    },
    update: () => api("POST", "/update", { version }),
    cancel: () => api("POST", "/cancel"),
}
console.log(JSON.stringify(await verbs[verb]()))
