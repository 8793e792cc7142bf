internal import WebTokens

extension StepContext {
    /// A private key that nobody has seen before.
    func makeKey(_ step: MakeKeyStep) -> Attempt {
        // The reader has checked the type.
        guard let kind = JWK.Kind(rawValue: step.type) else { return Attempt(outcome: "failed") }
        return Attempt(made: JWK.generate(kind).json(includingPrivate: true), outcome: "done")
    }
}
