"""What a question or a result consists of beside text: told by its content, sized by its header, read within limits."""
