let sent = 0

/** Stands in for an MQTT client. */
export function publish(topic: string, payload: string) {
    sent++
    console.log(`pub ${sent} ${topic} ${payload}`)
}
