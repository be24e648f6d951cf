/**
 * What each edit of the corpus means to the running program, in plain JavaScript: the old program's variables, timers and
 * subscriptions live on, and this is done to them at the moment of the update. Written by hand from the edit, without the
 * toolchain and the VM, so that its outcome (see expectation.ts) can be held against what a board does.
 *
 * `rebind(old, new)` gives a timer or subscription another function, `retime` another period from now on, `nthTimer(n)` is
 * the function of the timer that was set n-th, from 0. Names of the program are in scope; its function declarations can be assigned.
 */
export const models: Readonly<Record<string, string>> = {
    "01": "retime(toggle, 200)",
    "02": `rebind(control, () => {
        if (roomC < 22.5) heating = true
        else if (roomC > 23.5) heating = false
        roomC += heating ? 0.5 : -0.2
        console.log("room " + Math.round(roomC * 10) / 10 + " heating " + heating)
    })`,
    "03": "isLong = heldMs => heldMs >= 500",
    "04": `rebind(report, () => {
        sequence++
        publish("farm/greenhouse-3/soil", JSON.stringify({ seq: sequence, moisture: 40 + (sequence % 7) }))
    })`,
    // red is 0 and green 1 in both; green blinks as 2, yellow is 3 from now on
    "05": `name = s => ["red", "green", "green blinking", "yellow"][s]
    rebind(step, () => {
        ticks++
        if (state === 0) { if (ticks >= 3) enter(1) }
        else if (state === 1) { if (ticks >= 4) enter(2) }
        else if (state === 2) { if (ticks >= 2) enter(3) }
        else enter(0)
    })`,
    "06": `rebind(refresh, () => {
        temperatureC++
        page = (page + 1) % 3
        if (page === 0) showTemperature()
        else if (page === 1) { line(0, "Range"); line(1, "20 to " + temperatureC) }
        else showAbout()
    })`,
    "07": `rebind(log, () => {
        const b = Buffer.alloc(6)
        b.writeUInt16LE(index, 0)
        b.writeUInt32LE(sample() * 1000, 2)
        index++
        console.log("record " + b.toString("hex"))
    })`,
    "08": "pid.p = 1; pid.i = 0.2",
    "09": "WEIGHTS[0] = 4",
    "10": "SCHEDULE[1].minute = 6",
    "11": "setInterval(() => console.log('alive after ' + readings), 500)",
    "12": "clearInterval(timerOf(dump))",
    "13": "retime(nthTimer(0), 1000)",
    "14": `motion.subscribe(room => { if (room === "hall") console.log("light on in hall") })`,
    "15": "door.unsubscribe(ring)",
    "16": "knob.unsubscribe(setBrightness); knob.subscribe(setHue)",
    "17": `const old = nthTimer(0)
    rebind(old, () => { old(); console.log("shelf " + (100 - level) + " bound=false") })`,
    "18": `let errors = 0
    rebind(poll, () => {
        try { console.log("value " + readSensor()) } catch (e) { errors++; console.log("read failed, " + errors + " in all") }
    })`,
    // a variable keeps its live value
    "19": "",
    "20": "rebind(advance, () => { position = (position + 90) % 600; console.log('step ' + position + ' of 600') })",
    "21": `statistics.peak = 0
    Statistics.prototype.add = function (value) { this.count++; this.sum += value; if (value > this.peak) this.peak = value }
    Statistics.prototype.text = function () { return "n=" + this.count + " mean=" + Math.round(this.sum / this.count) + " peak=" + this.peak }`,
    "22": `for (const z of zones) z.codes = []
    Zone.prototype.alarm = function (code) {
        this.alarms++
        this.codes.push(code)
        if (this.codes.length > 2) this.codes.shift()
        console.log("zone " + this.name + " alarm " + code + " (" + this.alarms + ") recent " + this.codes.length)
    }`,
    "23": "rebind(nthTimer(0), () => { tank.fill(4); console.log('tank ' + Math.round((tank.litres * 100) / 80) + ' %') })",
    "24": "Fan.prototype.faster = function () { return (this.speed = Math.min(90, this.speed + 30)) }",
    "25": "Ramp.prototype.text = function () { return this.name + ': ' + this.read() + ' mV' }",
    // what a board that started with this version would have
    "26": `for (const v of valves) v.topic = "valve/" + v.id
    Valve.prototype.toggle = function () { this.open = !this.open; console.log(this.topic + " " + this.name + " " + (this.open ? "open" : "shut")) }`,
    "27": `openDoor = (name, ms) => {
        console.log("open " + name + " for " + ms)
        setTimeout(() => console.log("close " + name), ms)
    }`,
    "28": "rebind(poll, () => { n++; console.log('temperature: ' + (20 + n) + ' C'); console.log('humidity: ' + (50 - n) + ' %') })",
    "29": `average = () => {
        const low = samples.filter(s => s < 30)
        return low.length ? Math.round(low.reduce((a, s) => a + s, 0) / low.length) : 0
    }`,
    "30": `const old = handle
    handle = text => text.startsWith("fan ") ? console.log("fan speed " + text.split(" ")[1]) : old(text)`,
    "31": "scaled = () => Math.round(Math.min(50, Math.max(-50, ((raw - 100) * 100) / 800 - 50)))",
    "32": `rebind(show, () => {
        round++
        scores[round % scores.length] += 5
        console.log("scores " + [...scores].sort((a, b) => b - a).join(" "))
    })`,
    "33": "const old = frame; frame = () => { const b = old(); return Buffer.concat([b, Buffer.from([b[0] ^ b[1] ^ b[2] ^ b[3]])]) }",
    "34": `const window = [0, 0, 0]
    let at = 0
    rebind(nthTimer(0), () => {
        window[at] = measure()
        at = (at + 1) % 3
        last = [...window].sort((a, b) => a - b)[1]
        console.log("distance " + last)
    })`,
    "35": `config.limit = 20
    rebind(step, () => {
        seconds++
        if (litres >= config.limit) return console.log("tank full")
        litres += config.rate
        if (seconds >= config.maxSeconds) { console.log("pump pause at " + litres); seconds = 0 }
        else console.log("pump " + litres)
    })`,
    "36": "config.high = 50",
    "37": "stepOf = rest => (rest > 20 ? 20 : 5)",
    "38": "rebind(nthTimer(0), () => console.log('pixel ' + [255, 128, 64, 32, 16, 8, 0][at++ % 7]))",
    "39": `rebind(poll, () => {
        try { console.log("value " + readI2c()) }
        catch (e) { try { console.log("second try " + readI2c()) } finally { console.log("bus released") } }
    })`,
    "40": "volts = () => Math.round(millivolts / 100) / 10",
    "41": "water = moisture => { if (moisture < 30) doIt(6); else if (moisture < 40) doIt(3) }",
    "42": `check = badge => (badge === "d4" ? 2 : badge === "a1" || badge === "c3" ? 1 : 0)
    show = v => console.log(v === 2 ? "yellow" : v === 1 ? "green" : "red")`,
    "43": "retime(tick, 100)",
    // a display that was set up stays so until the next start, or the edit is refused
    "44": "",
    "45": "for (let i = 0; i < 8; i++) TABLE[i] = i * i * 2",
    "46": "isPrinted = beat => beat % 2 === 0",
    "47": `let passed = 0
    announce = text => { passed++; if (passed % 3 === 1) console.log(text + " (" + passed + ")") }`,
    "48": "brightness = () => (hour >= 22 || hour < 6 ? 5 : 80)",
    "49": `const meter = () => { console.log(volume > 20 ? "loud" : "quiet"); setTimeout(meter, 400) }
    meter()`,
    "50": `let armed = 0
    setInterval(() => { armed = reading() > 8 ? armed + 1 : 0; if (armed >= 2) console.log("alarm") }, 250)`,
    "51": `let c = 0
    setInterval(() => { c += 10; console.log("c " + c) }, 350)
    rebind(nthTimer(1), () => { b += 2; console.log("b " + b) })`,
    "52": `rebind(nthTimer(0), () => {
        tick++
        values.push(tick * tick)
        while (values.length > 5) values.shift()
        console.log("sum " + values.reduce((a, v) => a + v, 0) + " of " + values.length)
    })`,
}

/** Where going there and back at once leaves something behind: a timer that was taken back begins its time anew. */
export const backModels: Readonly<Record<string, string>> = {
    "13": "retime(nthTimer(0), 2000)",
}

/** Programs whose fibers wait, without waiting: the same in timers. */
export const rewritten: Readonly<Record<string, string>> = {
    "37": `let duty = 0, target = 0
    let stepOf = rest => 10
    function ramp() {
        if (duty === target) return
        duty += (duty < target ? 1 : -1) * stepOf(Math.abs(target - duty))
        console.log("duty " + duty)
        setTimeout(ramp, 20)
    }
    setInterval(() => { target = target === 0 ? 40 : 0; ramp() }, 500)`,
    "46": `let beats = 0
    let isPrinted = beat => true
    function heartbeat() {
        beats++
        if (isPrinted(beats)) console.log("beat " + beats)
    }
    loopFiber(heartbeat, 200)
    setInterval(() => console.log(beats + " beats"), 500)`,
}
