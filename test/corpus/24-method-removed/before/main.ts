class Fan {
    speed = 0

    clamp(v: number) {
        return v > 100 ? 100 : v
    }

    faster() {
        this.speed = this.clamp(this.speed + 30)
        return this.speed
    }
}

const fan = new Fan()

setInterval(() => console.log(`fan ${fan.faster()}`), 250)
