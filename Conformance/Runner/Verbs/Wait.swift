extension StepContext {
    /// Lets time pass; ends early when the run is stopped.
    func wait(_ step: WaitStep) async throws -> Attempt {
        try await Task.sleep(for: step.duration)
        return Attempt(outcome: "done")
    }
}
