class Fan {
    speed = 0

    faster() {
        this.speed = Math.min(90, this.speed + 30)
        return this.speed
    }
}

const fan = new Fan()

setInterval(() => console.log(`fan ${fan.faster()}`), 250)
