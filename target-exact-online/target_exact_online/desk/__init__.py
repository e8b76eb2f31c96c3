"""What people call: documents, the audit trail, the doctor, and the report of a run."""
