import GatehouseJSON
import GatehouseMessages

/// What a FHIR Patient is called in the system that sends it: its first identifier (HL7 FHIR R4, Patient.identifier).
struct PatientIdentifier: Sendable, Equatable {
    let value: String
    let system: String?

    /// - Throws: `Problem.notAPatient` for another resource, or a patient without an identifier.
    init(_ resource: JSONValue) throws(Problem) {
        guard let type = resource["resourceType"]?.string, isSameText(type, "Patient") else {
            throw .notAPatient.saying("you must provide a FHIR `Patient` resource")
        }
        let identifier = resource["identifier"]?[0]
        guard let value = identifier?["value"]?.string, LinkChange.isPlain(value) else {
            throw .notAPatient.saying(
                "you must provide a value in the Patient resource's first `identifier` element")
        }
        switch identifier?["system"] {
        case nil, .null: system = nil
        case .string(let text) where LinkChange.isPlain(text): system = text
        default:
            throw .notAPatient.saying("the `system` of the Patient resource's first `identifier` element is not a URI")
        }
        self.value = value
    }
}
