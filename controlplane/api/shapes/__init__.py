"""What the API takes and gives: per noun a JSON Schema and, beside it, the function that writes a row in that form.

The schemas are the components of the OpenAPI document; a test holds every live answer against them.
"""
