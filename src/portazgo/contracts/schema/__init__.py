"""What a backend's OpenAPI document says about its operations, as far as contracts need it. Pure: text in, shapes out."""
